"""Whole coordination runs publish exactly what an independent reading of the contract gives."""

import json
import os
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
import typer.testing

from blocks.lake import local_lake
from blocks.settings import Settings
from cli.app import app
from flows.run import RunFailedError
from tasks.contracts.errors import ConfigurationError
from tasks.document_files import INDEX, documents_prefix
from tasks.document_steps import write_documents
from tasks.maintenance import clear_up
from tasks.specs import load_spec
from tests.conftest import SHARED
from tests.e2e.coordination_files import write_first_delivery, write_second_delivery
from tests.integration.published import release_document, rows_of
from tests.oracle import differences
from tests.oracle.coordination import coordination_documents, coordination_outputs, outputs_of
from tests.oracle.coordination_gold import counted_tasks, kpi_document
from tests.oracle.coordination_reader import read_feeds
from tests.oracle.table import Table
from tests.warehouse.moved_gold import gold_moved_to_bigquery

FIRST, SECOND, THIRD = (date(2026, 1, day) for day in (8, 9, 10))


@pytest.fixture(scope="session")
def run_coordination(prefect_api: None) -> Callable[..., Any]:
    """Land `source`, run for a day, and return the outcome."""
    from flows.run import run_pipeline

    def run(lake: Path, run_date: date, source: Path | None = None) -> Any:
        given = str(source) if source is not None else None
        return run_pipeline(
            "coordination", run_date=run_date, lake=str(lake), source=given, gates="warn"
        )

    return run


@pytest.fixture(scope="session")
def deliveries(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two folders of files, the second for the day after; read them only."""
    folder = tmp_path_factory.mktemp("coordination")
    write_first_delivery(folder / "first")
    write_second_delivery(folder / "second")
    return folder / "first", folder / "second"


def problems(lake: Path, expected: dict[str, Table]) -> list[str]:
    found = []
    for name, table in expected.items():
        columns, rows = rows_of(lake, name, drop=("run_id",), pipeline="coordination")
        found += [f"{name}: {text}" for text in differences(table, columns, rows, limit=3)]
    return found


def told_counts(outcome: Any) -> list[dict[str, Any]]:
    told = {entry.table: entry for entry in outcome.record.tables}
    return [
        {
            "table": name,
            "bronze": told[f"silver.{name}"].rows_in,
            "quarantined": told[f"silver.{name}"].quarantined,
            "superseded": told[f"silver.{name}"].superseded,
        }
        for name in ("processed_tasks", "aggregated_metrics", "validated_lineage")
    ]


def assert_equals(lake: Path, outcome: Any, expected: dict[str, Table]) -> None:
    counts = expected.pop("accounting").dicts()
    assert set(expected) <= set(release_document(lake, pipeline="coordination")["tables"])
    assert problems(lake, expected) == []
    for row in counts:
        row.pop("rows")
    assert told_counts(outcome) == counts


def assert_the_warehouse_agrees(lake: Path) -> None:
    """Gold that the warehouse computes has the same rows, and the same documents are made of it."""
    documents = lake / "gold" / documents_prefix("coordination")

    def texts() -> dict[str, bytes]:
        files = (path for path in documents.rglob("*") if path.is_file() and path.name != INDEX)
        return {path.relative_to(documents).as_posix(): path.read_bytes() for path in files}

    before = texts()
    shutil.rmtree(documents)
    with gold_moved_to_bigquery("coordination", lake) as moved:
        assert moved.disagreeing() == []
    # A run writes none at its swap, when that gold is not there yet.
    at_the_swap = write_documents.fn("coordination", local_lake(lake), Settings(lake_root=lake))
    assert at_the_swap == []
    now = texts()
    assert len(now) > 10
    assert now.items() <= before.items()
    refused = typer.testing.CliRunner().invoke(app, ["master-report", "x", "--lake", str(lake)])
    assert isinstance(refused.exception, ConfigurationError)
    assert "is in the warehouse (shop-data." in str(refused.exception)


@pytest.mark.slow
def test_the_real_files_give_the_contracts_rows(
    run_coordination: Callable[..., Any], tmp_path: Path
) -> None:
    folder = SHARED / "coordination"
    if not folder.is_dir():
        pytest.skip("the real data is not beside the project")
    outcome = run_coordination(tmp_path / "lake", date(2026, 1, 14), folder)
    expected = coordination_outputs(folder, date(2026, 1, 14))
    assert_equals(tmp_path / "lake", outcome, expected)


@pytest.mark.slow
def test_deliveries_give_the_contracts_rows_one_after_the_other(
    run_coordination: Callable[..., Any], deliveries: tuple[Path, Path], tmp_path: Path
) -> None:
    lake = tmp_path / "lake"
    feeds = read_feeds(deliveries[0], datetime.combine(FIRST, time()))
    outcome = run_coordination(lake, FIRST, deliveries[0])
    assert_equals(lake, outcome, outputs_of(feeds, FIRST))
    kept = release_document(lake, pipeline="coordination")["tables"]

    for name, records in read_feeds(deliveries[1], datetime.combine(SECOND, time())).items():
        feeds[name] += records
    outcome = run_coordination(lake, SECOND, deliveries[1])
    assert outcome.record.built_on == 1
    assert_equals(lake, outcome, outputs_of(feeds, SECOND))
    grown = release_document(lake, pipeline="coordination")["tables"]
    for name in ("task_records", "metric_values", "lineage_records"):
        before, now = (tables[f"silver.{name}"]["files"] for tables in (kept, grown))
        assert len(now) == 2, name
        assert before[0] in now, "records that a release has read are not read again"
    assert_the_warehouse_agrees(shutil.copytree(lake, tmp_path / "moved"))

    again = run_coordination(lake, SECOND, deliveries[1])
    assert release_document(lake, pipeline="coordination")["tables"] == grown
    assert told_counts(again) == told_counts(outcome)

    # An earlier day sees what had arrived by then, as it was.
    outcome = run_coordination(lake, FIRST)
    first = read_feeds(deliveries[0], datetime.combine(FIRST, time()))
    assert_equals(lake, outcome, outputs_of(first, FIRST))

    # What every release has seen goes after its days; nobody needs it but who begins anew.
    for path in (lake / "bronze").rglob("*.jsonl"):
        os.utime(path, (path.stat().st_mtime - 100 * 86_400,) * 2)
    swept = clear_up(
        local_lake(lake), load_spec("coordination"), now=datetime.now(UTC), grace=timedelta(0)
    )
    cleared = {removal.name for removal in swept.removals if removal.kind == "bronze"}
    assert len(cleared) > 10
    assert all(f"ingested_at={FIRST}" in name for name in cleared)
    assert not any((lake / "bronze" / name).exists() for name in cleared)
    outcome = run_coordination(lake, THIRD)
    assert_equals(lake, outcome, outputs_of(feeds, THIRD))
    with pytest.raises(RunFailedError, match="was cleared by retention"):
        run_coordination(lake, FIRST)


def test_documents_are_those_of_the_contract(
    run_coordination: Callable[..., Any], deliveries: tuple[Path, Path], tmp_path: Path
) -> None:
    lake = tmp_path / "lake"
    run_coordination(lake, FIRST, deliveries[0])
    expected = coordination_outputs(deliveries[0], FIRST)
    wanted = coordination_documents(expected, FIRST)
    folder = lake / "gold" / "coordination" / "documents"
    found = {p.name: json.loads(p.read_text()) for p in folder.rglob("*-*.json")}
    assert found.keys() == wanted.keys()
    assert [name for name in wanted if not alike(found[name], wanted[name])] == []
    page = (folder / "pages" / f"fleet-{FIRST:%Y%m%d}.html").read_text()
    assert "<script" not in page and "http" not in page.replace("http-equiv", "")

    command = typer.testing.CliRunner()
    told = command.invoke(app, ["kpis", "--lake", str(lake), "--json"])
    (kpis,) = (found[name] for name in found if name.startswith("kpis-"))
    assert alike(json.loads(told.stdout), kpis)
    tasks = counted_tasks(expected["silver.current_tasks"])
    days = ["--start", "2026-01-02", "--end", "2026-01-05"]
    told = command.invoke(app, ["kpis", *days, "--lake", str(lake), "--json"])
    (some,) = kpi_document(tasks, date(2026, 1, 2), date(2026, 1, 5)).values()
    assert alike(json.loads(told.stdout), some)
    day = ["--run-date", "2026-01-02", "--lake", str(lake), "--json"]
    told = command.invoke(app, ["master-report", "Security", *day])
    assert alike(json.loads(told.stdout), found["security-20260102.json"])
    told = command.invoke(app, ["daily", "--run-date", str(FIRST), "--lake", str(lake), "--json"])
    assert alike(json.loads(told.stdout), found[f"daily-{FIRST:%Y%m%d}.json"])
    told = command.invoke(app, ["master-report", "securty", *day])
    assert isinstance(told.exception, ConfigurationError)
    assert "did you mean 'security'" in str(told.exception)


def alike(left: Any, right: Any) -> bool:
    """Equal, members in order too; floats to the contract's tolerance."""
    if isinstance(left, dict) and isinstance(right, dict):
        return list(left) == list(right) and all(alike(left[name], right[name]) for name in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(alike, left, right))
    if isinstance(left, float) and isinstance(right, int | float):
        return left == pytest.approx(right, rel=1e-9, abs=1e-9)
    return bool(left == right)
