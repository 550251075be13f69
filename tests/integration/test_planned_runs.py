"""`medallion plan` shows what the run then does, and leaves no trace.

Belongs here: plans beside the runs that follow them. Does not belong here: the decisions one by one
(`unit/test_run_plan.py`).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from blocks.lake import local_lake
from cli.app import app
from tasks.releases import read_release

pytestmark = pytest.mark.slow
SAME_DAY, NEXT_DAY = date(2024, 1, 6), date(2024, 1, 7)


def planned(*arguments: str, status: int = 0) -> dict[str, Any]:
    answer = CliRunner().invoke(app, ["plan", "ecommerce", "--json", *arguments])
    code = getattr(answer.exception, "exit_status", answer.exit_code)
    assert code == status, answer.output
    document: dict[str, Any] = json.loads(answer.stdout)
    return document


def tree(folder: Path) -> dict[str, float]:
    """Every file and folder, hidden ones too, with the time of its last change."""
    return {str(path): path.stat().st_mtime for path in folder.rglob("*")}


@pytest.mark.parametrize("day", [SAME_DAY, NEXT_DAY])
def test_a_run_does_what_was_planned(
    run_flow: Callable[..., Any], own_lake: Path, small_bronze: Path, day: date
) -> None:
    before = tree(own_lake)
    base = read_release(local_lake(own_lake), "ecommerce")
    plan = planned("--lake", str(own_lake), "--bronze", str(small_bronze), "--run-date", f"{day}")
    assert tree(own_lake) == before
    done = run_flow(own_lake, day, bronze=small_bronze)
    assert [stage["stage"] for stage in plan["stages"]] == [s.stage for s in done.record.stages]
    assert (plan["built_on"], done.record.built_on) == (1, 1)
    tables = {t["table"]: t for stage in plan["stages"] for t in stage["tables"]}
    kept = {name for name, table in tables.items() if table["action"] == "keep"}
    assert {name for name in kept if done.tables[name] != base.tables[name]} == set()
    if day == SAME_DAY:
        assert {t["action"] for t in tables.values()} == {"verify", "keep"}
    else:
        assert "gold.fct_daily_dashboard" not in kept
        assert "silver.product_catalog" in kept
    published = {n for n, t in done.tables.items() if not t.quarantine_of and not t.internal}
    assert {name for name in tables if not name.startswith("bronze.")} == published


def test_planning_for_a_lake_that_is_not_there_makes_none(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    document = planned("--lake", str(lake), "--run-date", "2024-01-05", status=1)
    assert "no partition" in document["problems"][0]
    assert document["full_because"] == "there is no release yet"
    wrong = CliRunner().invoke(
        app, ["plan", "ecommerce", "--lake", str(lake), "--source", str(tmp_path / "none")]
    )
    assert getattr(wrong.exception, "exit_status", None) == 2
    assert not lake.exists()


def test_files_that_are_to_be_landed_first_are_planned_for(
    small_bronze: Path, tmp_path: Path
) -> None:
    drop, lake = tmp_path / "drop", tmp_path / "lake"
    for folder in ("orders", "order_items", "customers"):
        shutil.copytree(small_bronze / folder, drop / folder, ignore=manifests)
    plan = planned(
        *("--lake", str(lake), "--source", str(drop), "--run-date", "2024-01-06"), status=1
    )
    assert "product_catalog: no partition" in plan["problems"][0]  # only what stays missing
    assert not any(".orders:" in problem for problem in plan["problems"])
    tables = {t["table"]: t for stage in plan["stages"] for t in stage["tables"]}
    assert tables["bronze.orders"]["reason"] == "6 files to be landed"
    assert tables["dims.customers"]["reason"] == "files of it are to be landed"
    assert not lake.exists()


def manifests(_folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name.endswith(".json")]
