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
from tasks.fleet_documents import PERFORMANCE, SUMMARY
from tasks.json_text import canonical, parsed
from tasks.sql_text import quoted

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
# More threads hold more memory, each the same again.
_MOST_THREADS = 2
# Enough once records are read: then some tasks are looked at at a time.
_AFTER_READING = "64MB"
_GROUP_ROWS = 1 << 13
_TASKS_A_PASS = 1 << 18
_TASKS_A_BATCH = 1 << 17
_STATE = (
    "task_id",
    '"timestamp"',
    "status",
    "type",
    "master",
    "duration_seconds",
    "performance_bucket",
)
_SEEN = "row(status, type, master, duration_seconds, performance_bucket)"
_GOLD = {
    "daily_analytics": ("date", *SUMMARY, *PERFORMANCE),
    "by_master": ("date", "master", *SUMMARY),
    "by_type": ("date", "type", *SUMMARY),
    "by_status": ("date", "status", "total_tasks"),
}


@contextlib.contextmanager
def quick_analytics(
    table: Table,
    files: Sequence[str],
    run_date: date,
    *,
    threads: int,
    memory_limit: str,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an engine with what documents of days read of gold, of bronze `files` (paths) of tasks.

    How much memory that takes depends on how long a line of a file is, and on the busiest day, not
    on how many records there are. Raises BronzeError for a file that is no JSON lines.
    """
    assert table.feed is not None
    with tempfile.TemporaryDirectory(prefix="medallion-daily-") as folder:
        config: dict[str, str | bool | int | float | list[str]] = {
            "threads": min(threads, _MOST_THREADS),
            "memory_limit": memory_limit,
            "temp_directory": folder,
            "preserve_insertion_order": False,
        }
        with duckdb.connect(config=config) as engine, _told():
            engine.execute("set TimeZone = 'UTC'")
            for schema in ("bronze", "silver", "gold"):
                engine.execute(f"create schema {schema}")
            fields = fields_select(files, table.feed.fields)
            engine.execute(f"create view bronze.raw_tasks_fields as {fields}")
            _read_states(engine, run_date, Path(folder))
            engine.execute(f"set memory_limit = '{_AFTER_READING}'")
            if _keep_latest(engine, Path(folder)):
                engine.execute(f"set memory_limit = {quoted(memory_limit)}")
                _settle(engine, run_date)
                engine.execute(f"set memory_limit = '{_AFTER_READING}'")
            _make_gold(engine, run_date)
            yield engine


def _read_states(engine: duckdb.DuckDBPyConnection, run_date: date, folder: Path) -> None:
    """Make silver.states: what gold reads of each state up to `run_date`, of a compact file.

    A row group holds little, and so does who writes it.
    """
    records = _model("silver/task_records", run_date)
    # A condition on the records would have their times read twice.
    states = f"""
        select
            hash(task_id) as part,
            * replace (
                case
                    when task_id is not null and status is not null
                        and "timestamp" < date '{run_date}' + interval 1 day then "timestamp"
                end as "timestamp"
            )
        from (select {", ".join(_STATE)} from ({records}))
    """  # noqa: S608 - the project's own SQL
    file = quoted(str(folder / "states.parquet"))
    write = f"copy ({states}) to {file} (format parquet, row_group_size {_GROUP_ROWS})"
    # Numbers that have more than one spelling are no names of tasks, as a rule; registering a
    # function takes as long as ten thousand tasks do.
    engine.execute(f"create macro canonical_json(value) as cast(error('{_ODD}') as varchar)")
    try:
        engine.execute(write)
    except duckdb.InvalidInputException as error:
        if _ODD not in str(error):
            raise
        _read_odd_numbers(engine)
        engine.execute(write)
    engine.execute(
        f"create view silver.states as select * from read_parquet({file}) "  # noqa: S608 - quoted
        'where "timestamp" is not null'
    )


def _read_odd_numbers(engine: duckdb.DuckDBPyConnection) -> None:
    """Let numbers be spelled as the contract says, if they are not yet."""
    kind = "select 1 from duckdb_functions() where function_name = 'canonical_json'"
    if engine.execute(f"{kind} and function_type = 'macro'").fetchone():
        engine.execute("drop macro canonical_json")
        engine.create_function("canonical_json", _canonical, ["VARCHAR"], "VARCHAR")


def _keep_latest(engine: duckdb.DuckDBPyConnection, folder: Path) -> bool:
    """Leave each task's latest state, once; True if records of one differ in what gold reads.

    Those are in `differing`, and any of them is left. Some of the tasks are looked at at a time.
    """
    engine.execute('create temp table differing (task_id varchar, "timestamp" timestamp)')
    found = engine.execute("select count(*) from silver.states").fetchone()
    passes = max(1, -(-(found[0] if found else 0) // _TASKS_A_PASS))
    is_table = False
    for number in range(passes):
        first, end = (((number + step) << 64) // passes for step in (0, 1))
        part = f"part between {first} and {end - 1}"
        again = f"from silver.states where {part} group by part having count(*) > 1"
        if not engine.execute(f"select 1 {again} limit 1").fetchone():
            continue
        engine.execute(f"""
            create or replace temp table repeated as
            select task_id, max("timestamp") as latest from silver.states
            where {part} group by task_id having count(*) > 1
        """)  # noqa: S608 - numbers
        if not is_table:
            file = quoted(str(folder / "states.duckdb"))
            engine.execute(f"attach {file} as disk")
            engine.execute("create table disk.states as from silver.states")
            engine.execute("create or replace view silver.states as from disk.states")
            is_table = True
        _keep_latest_of(engine, part)
    return engine.execute("select 1 from differing limit 1").fetchone() is not None


def _keep_latest_of(engine: duckdb.DuckDBPyConnection, part: str) -> None:
    """Delete from disk.states all but the latest state of the tasks in `repeated`."""
    engine.execute(f"""
        delete from disk.states using repeated
        where {part} and states.task_id = repeated.task_id and "timestamp" < latest
    """)  # noqa: S608 - numbers
    engine.execute(f"""
        create or replace temp table told_again as
        select
            task_id, any_value("timestamp") as "timestamp", min(states.rowid) as kept,
            min({_SEEN}) is distinct from max({_SEEN}) as differs
        from disk.states as states semi join repeated using (task_id)
        where {part} group by task_id having count(*) > 1
    """)  # noqa: S608 - numbers
    engine.execute(f"""
        delete from disk.states using told_again
        where {part} and states.task_id = told_again.task_id and states.rowid <> kept
    """)  # noqa: S608 - numbers
    engine.execute(
        'insert into differing select task_id, "timestamp" from told_again where differs'
    )


def _settle(engine: duckdb.DuckDBPyConnection, run_date: date) -> None:
    """Let the model say which of differing records of one state counts: all columns do."""
    _read_odd_numbers(engine)
    records = _model("silver/task_records", run_date)
    engine.execute(
        f"create table silver.task_records as select * from ({records}) "  # noqa: S608 - the project's own SQL
        'semi join differing using (task_id, "timestamp")'
    )
    winners = _model("silver/processed_tasks", run_date)
    engine.execute(f"create table silver.processed_tasks as {winners}")
    engine.execute(
        "delete from disk.states using differing where states.task_id = differing.task_id"
    )
    engine.execute(
        f"insert into disk.states select 0, {', '.join(_STATE)} from silver.processed_tasks"  # noqa: S608 - names of our own
    )


def _make_gold(engine: duckdb.DuckDBPyConnection, run_date: date) -> None:
    """Make gold's tables, some days at a time: percentiles hold every duration of theirs."""
    for number, (first, end) in enumerate(_days_at_a_time(engine)):
        engine.execute(f"""
            create or replace view silver.current_tasks as
            select * exclude (task_id), '' as task_id, cast(null as varchar) as priority
            from silver.states
            where "timestamp" >= date '{first}' and "timestamp" < date '{end}'
        """)  # noqa: S608 - dates
        for name, columns in _GOLD.items():
            rows = (
                f"select {', '.join(columns)} from ({_model(f'gold/{name}', run_date)}) "  # noqa: S608 - the project's own SQL
                f"where date < date '{end}'"
            )
            verb = f"insert into gold.{name}" if number else f"create table gold.{name} as"
            engine.execute(f"{verb} {rows}")


def _days_at_a_time(engine: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    """Return spans of days, each from a day with tasks to before the next span's."""
    tasks, begins = 0, ["-infinity"]
    found = engine.execute(
        'select cast("timestamp" as date) as day, count(*) from silver.states '
        "group by day order by day"
    )
    for day, count in found.fetchall():
        if tasks and tasks + count > _TASKS_A_BATCH:
            tasks = 0
            begins.append(str(day))
        tasks += count
    return list(zip(begins, [*begins[1:], "infinity"], strict=True))


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
