"""A fleet's daily analytics straight from bronze, without a run: for a look in between.

Belongs here: the project's own models of tasks, put to one engine in this process. Does not belong
here: the models (`dbt/models/coordination`), or publishing (`flows/run.py`).

Nothing is written to the lake; what a run publishes for the same bronze and day is the same.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from datetime import date
from functools import lru_cache
from pathlib import Path

import duckdb
import jinja2

from tasks.contracts.errors import BronzeError
from tasks.contracts.spec import Table
from tasks.feed_sql import fields_select
from tasks.json_text import canonical, parsed

_DBT = Path(__file__).parent.parent / "dbt"
_MACROS = (
    "numbers",
    "silver/typed_columns",
    "silver/utc_timestamps",
    "coordination/json_values",
    "coordination/judged_tasks",
    "coordination/measures",
)
_ODD = "a number of several spellings"
_READ = (
    "task_id",
    '"timestamp"',
    "status",
    "type",
    "priority",
    "master",
    "duration_seconds",
    "performance_bucket",
)
_GOLD = ("daily_analytics", "by_master", "by_type", "by_status")


@contextlib.contextmanager
def quick_analytics(
    table: Table,
    files: Sequence[str],
    run_date: date,
    *,
    threads: int,
    memory_limit: str,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an engine with gold's daily tables of what the bronze `files` of tasks, paths, hold.

    What does not fit into `memory_limit` is spilled. Raises BronzeError for a file that is no JSON
    lines.
    """
    assert table.feed is not None
    with tempfile.TemporaryDirectory(prefix="medallion-daily-") as spill:
        config: dict[str, str | bool | int | float | list[str]] = {
            "threads": threads,
            "memory_limit": memory_limit,
            "temp_directory": spill,
            "preserve_insertion_order": False,
        }
        with duckdb.connect(config=config) as engine, _told():
            engine.execute("set TimeZone = 'UTC'")
            for schema in ("bronze", "silver", "gold"):
                engine.execute(f"create schema {schema}")
            fields = fields_select(files, table.feed.fields)
            engine.execute(f"create view bronze.raw_tasks_fields as {fields}")
            if not _told_once(engine, run_date):
                # Registering a function takes as long as ten thousand tasks do.
                engine.execute("drop macro canonical_json")
                engine.create_function("canonical_json", _canonical, ["VARCHAR"], "VARCHAR")
                for name in ("task_records", "processed_tasks", "current_tasks"):
                    model = _model(f"silver/{name}", run_date)
                    engine.execute(f"create or replace table silver.{name} as {model}")
            for name in _GOLD:
                engine.execute(f"create table gold.{name} as {_model(f'gold/{name}', run_date)}")
            yield engine


def _told_once(engine: duckdb.DuckDBPyConnection, run_date: date) -> bool:
    """Make the current tasks of the columns that gold reads; False if that does not do.

    Which of the records of one state counts is for all columns to say; most states are told once.
    Nor are numbers that have more than one spelling names of tasks, as a rule.
    """
    engine.execute(f"create macro canonical_json(value) as cast(error('{_ODD}') as varchar)")
    records = _model("silver/task_records", run_date)
    narrow = (
        f"create table silver.processed_tasks as select {', '.join(_READ)} from ({records}) "  # noqa: S608 - the project's own SQL
        "where len(quarantine_reasons) = 0"
    )
    try:
        engine.execute(narrow)
    except duckdb.InvalidInputException as error:
        if _ODD in str(error):
            return False
        raise
    told_again = engine.execute(
        'select 1 from silver.processed_tasks group by task_id, "timestamp" '
        "having count(*) > 1 limit 1"
    ).fetchone()
    if told_again:
        return False
    current = _model("silver/current_tasks", run_date)
    engine.execute(f"create table silver.current_tasks as {current}")
    return True


def _canonical(text: str) -> str:
    return canonical(parsed(text))


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        told = str(error).splitlines()[0]
        raise BronzeError(f"bronze of tasks: {told}; run the pipeline, it says more") from error


def _model(name: str, run_date: date) -> str:
    """Return the SQL of a model as dbt would make it for a first run."""
    text = (_DBT / "models" / "coordination" / f"{name}.sql").read_text(encoding="utf-8")
    return _environment(run_date).from_string(text).render()


@lru_cache(maxsize=1)
def _environment(run_date: date) -> jinja2.Environment:
    """An environment in which models find the project's macros, read once."""
    environment = jinja2.Environment(  # noqa: S701 - SQL, of the project's own files
        extensions=["jinja2.ext.do"], undefined=jinja2.StrictUndefined
    )
    environment.globals |= {
        "target": {"type": "duckdb"},
        "config": lambda **_: "",
        "source": lambda schema, name: f"{schema}.{name}",
        "ref": lambda name: f"silver.{name}",
        "run_date": lambda: f"date '{run_date}'",
    }
    text = "\n".join((_DBT / "macros" / f"{name}.sql").read_text("utf-8") for name in _MACROS)
    macros = vars(environment.from_string(text).module)
    environment.globals |= {k: v for k, v in macros.items() if not k.startswith("_")}
    return environment
