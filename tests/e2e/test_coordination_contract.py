"""Whole coordination runs publish exactly what an independent reading of the contract gives."""

import json
from collections.abc import Callable
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SHARED
from tests.e2e.coordination_files import write_first_delivery, write_second_delivery
from tests.integration.published import release_document, rows_of
from tests.oracle import differences
from tests.oracle.coordination import coordination_outputs, outputs_of
from tests.oracle.coordination_reader import read_feeds
from tests.oracle.table import Table

FIRST, SECOND = date(2026, 1, 8), date(2026, 1, 9)


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

    again = run_coordination(lake, SECOND, deliveries[1])
    assert release_document(lake, pipeline="coordination")["tables"] == grown
    assert told_counts(again) == told_counts(outcome)

    # An earlier day sees what had arrived by then, as it was.
    outcome = run_coordination(lake, FIRST)
    first = read_feeds(deliveries[0], datetime.combine(FIRST, time()))
    assert_equals(lake, outcome, outputs_of(first, FIRST))


def bronze_lines(lake: Path) -> dict[str, list[dict[str, Any]]]:
    root = lake / "bronze" / "coordination"
    return {
        path.relative_to(root).parent.as_posix(): [
            json.loads(line) for line in path.read_text().splitlines()
        ]
        for path in root.rglob("*.jsonl")
    }
