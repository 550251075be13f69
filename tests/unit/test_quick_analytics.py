"""A quick look at a fleet's days tells what a run's models make of the same records."""

import json
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks import quick_analytics
from tasks.feed_lines import LineOrigin, bronze_line
from tasks.feed_sql import fields_select
from tasks.json_functions import register
from tasks.json_records import records_of
from tasks.specs import load_spec

DAY = date(2026, 1, 8)
TABLE = load_spec("coordination").table("processed_tasks")
TIMES = [f"2026-01-0{day}T12:00:{second}Z" for day in (1, 4, 8, 9) for second in (10, 30)]
tasks = st.fixed_dictionaries(
    {
        "task_id": st.sampled_from(["a", "a", "b", "c", None]),
        "status": st.sampled_from(["completed", "completed", "failed", "canceled", None]),
    },
    optional={
        "created_at": st.sampled_from(TIMES[:4]),
        "completed_at": st.sampled_from([*TIMES, "soon"]),
        "type": st.sampled_from(["x", "y", "unknown"]),
        "master": st.sampled_from(["m", "M", None]),
        "title": st.sampled_from(["first", "second"]),
        "error": st.sampled_from(["late", {"code": 1.5}]),
    },
)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    found=st.lists(tasks, max_size=14),
    size=st.sampled_from([1, 2, 1 << 18]),
    copies=st.integers(1, 2),
)
def test_it_tells_what_the_models_make_of_all_columns(
    tmp_path: Path, found: list[dict[str, Any]], size: int, copies: int
) -> None:
    with pytest.MonkeyPatch.context() as few:
        few.setattr(quick_analytics, "_TASKS_A_PASS", size)
        few.setattr(quick_analytics, "_TASKS_A_BATCH", size)
        assert_as_the_models(tmp_path / "a.jsonl", found * copies)


@pytest.mark.parametrize(
    "odd",
    [
        {"id": "1", "status": "failed", "title": "x", "updated_at": "2026-01-08T12:00:00Z"},
        {"id": 1e-7, "status": "queued", "updated_at": "2026-01-08T12:00:00Z"},
    ],
    ids=["a state told twice, otherwise", "a name of several spellings"],
)
def test_it_takes_its_time_where_it_must(tmp_path: Path, odd: dict[str, Any]) -> None:
    task = {"id": "1", "status": "queued", "updated_at": "2026-01-08T12:00:00Z", "master": "m"}
    assert_as_the_models(tmp_path / "a.jsonl", [task, odd])


def test_the_command_starts_without_what_only_runs_need(tmp_path: Path) -> None:
    program = "import sys; from cli.app import main; main()"
    told = "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr)); "
    words = ["daily", "--run-date", str(DAY), "--lake", str(tmp_path), "--json"]
    ended = subprocess.run(
        [sys.executable, "-c", told + program, *words], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["summary"]["total_tasks"] == 0
    slow = {"prefect", "dbt", "polars", "pandera", "pyarrow", "numpy", "cli.running"}
    assert slow.isdisjoint(ended.stderr.split())


def assert_as_the_models(path: Path, found: list[dict[str, Any]]) -> None:
    write(path, found)
    wanted = made_at_once(path)
    looks = quick_analytics.quick_analytics(
        TABLE, [str(path)], DAY, threads=1, memory_limit="500MB"
    )
    with looks as engine:
        for name, columns in quick_analytics._GOLD.items():
            query = f"select {', '.join(columns)} from gold.{name} order by all"
            assert engine.execute(query).fetchall() == wanted.execute(query).fetchall(), name


def made_at_once(path: Path) -> duckdb.DuckDBPyConnection:
    """All columns of all records, by the models as a run puts them."""
    engine = duckdb.connect(config={"threads": 1})
    engine.execute("set TimeZone = 'UTC'")
    for schema in ("bronze", "silver", "gold"):
        engine.execute(f"create schema {schema}")
    register(engine)
    assert TABLE.feed is not None
    fields = fields_select([str(path)], TABLE.feed.fields)
    engine.execute(f"create view bronze.raw_tasks_fields as {fields}")
    for name in ("task_records", "processed_tasks", "current_tasks"):
        model = quick_analytics._model(f"silver/{name}", DAY)
        engine.execute(f"create table silver.{name} as {model}")
    for name in quick_analytics._GOLD:
        model = quick_analytics._model(f"gold/{name}", DAY)
        engine.execute(f"create table gold.{name} as {model}")
    return engine


def write(path: Path, found: list[dict[str, Any]]) -> None:
    origin = LineOrigin("tasks/a.json", DAY)
    texts = [json.dumps(record) for record in found]
    cut = list(records_of(["\n".join(texts)], "no such array"))
    lines = [bronze_line(record, number, origin) for number, record in enumerate(cut, start=1)]
    path.write_text("".join(f"{line}\n" for line in lines))
