"""The recipes of CONTRIBUTING.md work as they stand there, on a copy of the project.

The copy is run in processes of its own, so that its flows, tasks and dbt models are the ones used.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from prefect.settings import get_current_settings

from tasks.sample_data.write import write_sample
from tests.integration.published import release_document, rows_of

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).parents[2]
FOLDERS = ("blocks", "cli", "dbt", "deployments", "flows", "tasks", "tests/unit/transforms")
BLOCK = re.compile(
    r'^```\w+ title="(?P<path>[^"]+)"(?: append="(?P<section>\w*)")?\n(?P<text>.*?)^```$',
    re.MULTILINE | re.DOTALL,
)
LINE = re.compile(r"^```yaml\n(?P<text> .*?)^```$", re.MULTILINE | re.DOTALL)
SPEC = "flows/specs/ecommerce.yml"
RUN_DAY = date(2024, 1, 4)


def carry_out(recipes: str, root: Path) -> list[str]:
    """Do in `root` what the blocks of `recipes` say; return the paths, in order."""
    paths = []
    for block in BLOCK.finditer(recipes):
        path, section, text = block["path"], block["section"], block["text"]
        target = root / path
        paths.append(path)
        assert target.exists() == (section is not None), f"{path}: new files only without append"
        if section is None:
            target.write_text(text)
            continue
        before = target.read_text()
        end = len(before)
        if section:
            start = before.index(f"\n{section}:\n") + len(section) + 3
            following = re.compile(r"^(?:#|\w)", re.MULTILINE).search(before, start)
            end = following.start() if following else end
        target.write_text(before[:end].rstrip("\n") + "\n" + text + "\n" + before[end:])
    return paths


@pytest.fixture(scope="module")
def recipes() -> str:
    return (PROJECT / "CONTRIBUTING.md").read_text()


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory, recipes: str) -> Path:
    """A copy of the project in which every recipe was carried out."""
    root = tmp_path_factory.mktemp("project")
    ignored = shutil.ignore_patterns("__pycache__", "target", "logs", ".user.yml")
    for folder in FOLDERS:
        shutil.copytree(PROJECT / folder, root / folder, ignore=ignored)
    for file in ("pyproject.toml", "tests/__init__.py"):
        shutil.copy(PROJECT / file, root / file)
    paths = carry_out(recipes, root)
    assert len(paths) == len(set(paths)) + paths.count(SPEC) - 1
    return root


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean shop of four days, and its coupons as CSV."""
    folder = tmp_path_factory.mktemp("source")
    write_sample(folder, orders=120, days=4, seed=3, dirt=0, first_day=date(2024, 1, 1))
    orders = pl.read_parquet(folder / "orders" / "*" / "*.parquet")["order_id"].to_list()
    rows = [
        ("C1", orders[0], "0.10", "2024-01-03T10:00:00Z"),
        ("C2", orders[1], "0.205", "2024-01-03T23:30:00-0100"),
        ("C3", orders[1], "999.99", "2024-01-03 12:00:00"),
        ("C4", orders[2], "n/a", "2024-01-03 12:00:00"),
        ("C5", orders[2], "-1", "2024-01-03 12:00:00"),
        ("C6", "nobody's", "1", "2024-01-03 12:00:00"),
        ("C7", orders[0], "1", "2024-01-05"),
    ]
    lines = ["coupon_id,order_id,amount,redeemed_at", *(",".join(row) for row in rows)]
    (folder / "coupons.csv").write_text("\n".join(lines) + "\n")
    return folder


def medallion(copy: Path, lake: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MEDALLION_")}
    environment["PREFECT_API_URL"] = str(get_current_settings().api.url)
    return subprocess.run(
        [sys.executable, "-m", "cli.app", *arguments, "--lake", str(lake), "--json"],
        cwd=copy,
        env={**environment, "PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def run(copy: Path, lake: Path, *arguments: str) -> tuple[int, dict[str, Any], str]:
    done = medallion(copy, lake, "run", "ecommerce", "--run-date", str(RUN_DAY), *arguments)
    return done.returncode, json.loads(done.stdout or "{}"), done.stderr


@pytest.fixture(scope="module")
def lake(
    prefect_api: None, copy: Path, source: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A lake to which the copy has published."""
    lake = tmp_path_factory.mktemp("lake")
    status, document, said = run(copy, lake, "--source", str(source))
    assert status == 0, said
    assert document["status"] == "published"
    coupons = document["tables"]["silver.coupons"]
    counts = ("bronze", "rows", "quarantined", "superseded")
    assert [coupons[name] for name in counts] == [7, 4, 3, 0]
    return lake


def test_the_new_table_is_typed_judged_and_published(lake: Path) -> None:
    _, rows = rows_of(lake, "silver.coupons")
    assert {row[0]: (row[2], row[-2]) for row in rows} == {
        "C1": (Decimal("0.10"), date(2024, 1, 3)),
        "C2": (Decimal("0.21"), date(2024, 1, 4)),
        "C3": (Decimal("999.99"), date(2024, 1, 3)),
        "C4": (None, date(2024, 1, 3)),
    }
    columns, rows = rows_of(lake, "silver.coupons_quarantine")
    place = columns.index("quarantine_reasons")
    assert {row[0]: row[place] for row in rows} == {
        "C5": ["negative_amount"],
        "C6": ["order_id_orphan"],
        "C7": ["invalid_redeemed_at"],
    }


def test_the_new_dimension_and_transform_are_published(lake: Path) -> None:
    tables = release_document(lake)["tables"]
    assert tables["dims.carts"]["rows"] == tables["silver.shopping_carts"]["rows"] > 0
    assert sorted(rows_of(lake, "enriched.coupon_effect")[1]) == [
        (date(2024, 1, 3), 3, Decimal("1000.09"), RUN_DAY),
        (date(2024, 1, 4), 1, Decimal("0.21"), RUN_DAY),
    ]


def test_the_new_fact_is_published_and_can_be_queried(lake: Path, copy: Path) -> None:
    columns, rows = rows_of(lake, "gold.fct_coupon_effect")
    assert columns == ["redeemed_dt", "coupons_count", "amount_total", "avg_amount", "run_date"]
    assert sorted(rows) == [
        (date(2024, 1, 3), 3, Decimal("1000.09"), pytest.approx(1000.09 / 3), RUN_DAY),
        (date(2024, 1, 4), 1, Decimal("0.21"), pytest.approx(0.21), RUN_DAY),
    ]
    done = medallion(
        copy, lake, "query", "ecommerce", "select sum(coupons_count) n from gold.fct_coupon_effect"
    )
    assert [list(map(int, row)) for row in json.loads(done.stdout)["rows"]] == [[4]]


def test_the_transforms_own_test_passes(copy: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "tests/unit/transforms/test_coupon_effect.py"],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_the_new_models_own_unit_tests_pass(copy: Path, tmp_path: Path) -> None:
    script = """
import json, sys
from dbt.cli.main import dbtRunner
from tasks.dbt_runs import dbt_tables
from tasks.specs import load_spec
given = json.dumps({"run": {"tables": dbt_tables(load_spec("ecommerce"))}})
folders = ["--project-dir", "dbt", "--profiles-dir", "dbt"]
folders += ["--target-path", sys.argv[1], "--log-path", sys.argv[1]]
done = dbtRunner().invoke(["--quiet", "test", "--select", *sys.argv[2:], "--vars", given, *folders])
tests = [r for r in done.result or [] if r.node.resource_type == "unit_test"]
print(json.dumps({r.node.name: r.status for r in tests}))
"""
    names = ("coupons_rules_and_parents", "coupon_effect_means_are_sums_over_counts")
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path), *names],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert json.loads(done.stdout.splitlines()[-1]) == dict.fromkeys(names, "pass"), done.stdout


def test_a_rule_and_a_threshold_are_lines_of_the_specification(
    lake: Path, copy: Path, recipes: str, tmp_path: Path
) -> None:
    rule, gates = (match["text"] for match in LINE.finditer(recipes))
    spec = copy / SPEC
    before = spec.read_text()
    last_rule = "      - {name: invalid_redeemed_at, not_after_run_date: redeemed_at}\n"
    assert before.count(last_rule) == 1
    spec.write_text(before.replace(last_rule, last_rule + rule + gates))
    try:
        bronze = lake / "bronze" / "ecommerce"
        status, document, said = run(copy, tmp_path, "--bronze", str(bronze), "--gates", "strict")
    finally:
        spec.write_text(before)
    assert status == 1, said
    assert (document["status"], document["release"]) == ("failed", None)
    assert document["tables"]["silver.coupons"]["quarantined"] == 5
    breaches = [
        (gate["table"], gate["check"], gate["observed"], gate["threshold"])
        for gate in document["gates"]
        if gate["status"] == "fail"
    ]
    assert ("coupons", "quarantine_rate", 5 / 7, 0.01) in breaches
    assert ("coupons", "null_rate.amount") not in {breach[:2] for breach in breaches}
    assert not (tmp_path / "ecommerce" / "_latest.json").exists()
