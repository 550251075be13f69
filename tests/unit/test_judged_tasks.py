"""What the SQL of silver reads in task records, and what an independent reading of them gives."""

import json
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.feed_lines import LineOrigin, bronze_line
from tasks.feed_sql import fields_select
from tasks.json_functions import register
from tasks.json_records import records_of
from tasks.quick_analytics import _model
from tasks.specs import load_spec
from tests.oracle.coordination_reader import Record
from tests.oracle.coordination_silver import TASK_COLUMNS, task_row

DAY = date(2026, 1, 8)
MIDNIGHT = datetime(2026, 1, 8)  # noqa: DTZ001 - as silver has it
NOTHING = [None, "", " ", "none", "NULL\t", "n/a", "NaN"]
NESTED = [{}, [], {"a": 1}, ["x", 1.5], [[]]]
TEXTS = ["Security", " x y\n", "é", "É", '"quoted"\\', "{}", "[1]", "true", "1.50", "a\u2028b"]
NUMBERS = [0, -1, 7, 1.5, 1e300, 1e-7, True, False, 10**25, -0.0, 1e16, 123456789.123]
TIMES = [
    *("2026-01-08T12:00:00Z", "2026-01-08T12:00:00.123456789Z", "2026-01-08 12:00", "2026-01-08"),
    *("2026-01-08T12:00:00-0600", "2026-01-08t12:00:00 +01:30", "2026-01-08T12:00:00 utc"),
    *("2026-02-30T12:00:00Z", "2026-01-08T24:00:00Z", "2026-01-08T12:00:60Z", "0000-01-01"),
    *("2026-1-8T12:00:00ZZZ", "tomorrow", "2026-01-08T12:00:00+24:00", " 2026-01-08T12:00:00Z "),
    *("2026-01-08T12:00:20Z", "2026-01-08T12:00:30Z", "2026-01-08T12:01:00Z", "2025-12-31"),
    *("9999-12-31T23:59:59Z", "1767874000", "1767874000123", "1767874000123456", "0000000012"),
    *("999999999", "99999999999", "100000000000", "99999999999999", "100000000000000", "9" * 30),
    *("+1767874000", "1767874000.5", 1767874000, 1767874000123, 1767874000123456, 1767874000.25),
    *(999999999, 999999999.9, 10**9, 99999999999, 10**11, 10**14, 10**18, 10**30, 1.7e9, 1e300),
]
values = st.sampled_from([*NOTHING, *NESTED, *TEXTS, *NUMBERS])
times = st.sampled_from([*TIMES, *TIMES, *NOTHING, *NESTED, True])
STATUSES = ["completed", " Completed", "failed", "canceled", "CANCELLED", "queued", 7, *NOTHING]
NAMES = ("created_at", "assigned_at", "started_at", "updated_at", "completed_at", "cancelled_at")
records = st.fixed_dictionaries(
    {"status": st.sampled_from(STATUSES)},
    optional={
        **dict.fromkeys(("task_id", "id", "type", "task_type", "priority", "title"), values),
        **dict.fromkeys(("assigned_to", "master", "error", "error_message"), values),
        **dict.fromkeys(("timestamp", *NAMES), times),
        "metadata": values | st.dictionaries(st.sampled_from(NAMES), times, max_size=3),
        "payload": values | st.fixed_dictionaries({"title": values}),
    },
)


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as opened:
        opened.execute("set TimeZone = 'UTC'; create schema bronze")
        register(opened)
        yield opened


def judged(
    engine: duckdb.DuckDBPyConnection, found: list[dict[str, Any]], path: Path
) -> list[dict[str, Any]]:
    write(path, found)
    fields = fields_select([str(path)], feed_fields())
    engine.execute(f"create or replace view bronze.raw_tasks_fields as {fields}")
    rows = engine.execute(f"{_model('silver/task_records', DAY)} order by source_row")
    names = [column[0] for column in rows.description or []]
    return [dict(zip(names, row, strict=True)) for row in rows.fetchall()]


def feed_fields() -> tuple[str, ...]:
    feed = load_spec("coordination").table("processed_tasks").feed
    assert feed is not None
    return feed.fields


def write(path: Path, found: list[dict[str, Any]]) -> None:
    origin = LineOrigin("tasks/a.json", DAY)
    texts = [json.dumps(record) for record in found]
    cut = list(records_of(["\n".join(texts)], "no such array"))
    lines = [bronze_line(record, number, origin) for number, record in enumerate(cut, start=1)]
    path.write_text("\n".join(lines) + "\n")


def expected(number: int, fields: dict[str, Any]) -> dict[str, Any]:
    record = Record(fields, "", "tasks/a.json", number, None, MIDNIGHT)
    row, reasons = task_row(record, MIDNIGHT)
    return {**row, "quarantine_reasons": reasons}


@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(found=st.lists(records, min_size=30, max_size=50))
def test_any_record_is_read_as_the_contract_says(
    engine: duckdb.DuckDBPyConnection, tmp_path: Path, found: list[dict[str, Any]]
) -> None:
    names = [*(n for n in TASK_COLUMNS if n not in ("processed_at", "layer")), "quarantine_reasons"]
    rows = judged(engine, found, tmp_path / "a.jsonl")
    for number, (fields, row) in enumerate(zip(found, rows, strict=True), start=1):
        wanted = expected(number, fields)
        took = wanted["duration_seconds"]
        wanted["duration_seconds"] = None if took is None else pytest.approx(took, rel=1e-9)
        assert {name: row[name] for name in names} == {name: wanted[name] for name in names}, fields


def test_every_spelling_of_a_moment(engine: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    found = [{"id": "1", "status": "queued", "updated_at": value} for value in TIMES]
    rows = judged(engine, found, tmp_path / "a.jsonl")
    told = {str(f["updated_at"]): row["updated_at"] for f, row in zip(found, rows, strict=True)}
    wanted = {str(f["updated_at"]): expected(1, f)["updated_at"] for f in found}
    assert told == wanted
