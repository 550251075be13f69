"""The JSON documents of the coordination pipeline: what operators read of a day, a range, a master.

Belongs here: SQL from the tables of a release to the text of each document, and their names. Does
not belong here: writing them (`document_files.py`), or the figures themselves (`dbt/`).

The engine spells the documents: a release may list a million tasks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import duckdb

SUMMARY = (
    "total_tasks",
    "completed_tasks",
    "failed_tasks",
    "cancelled_tasks",
    "completion_rate",
    "success_rate",
    "avg_duration_seconds",
)
PERFORMANCE = (
    "p50_duration",
    "p95_duration",
    "p99_duration",
    "fast_tasks",
    "normal_tasks",
    "slow_tasks",
)
TABLES = tuple(
    f"gold.{name}"
    for name in ("daily_analytics", "by_master", "by_type", "by_status", "kpis", "master_report")
)
CURRENT_TASKS = "silver.current_tasks"
_DAY = "strftime(date, '%Y-%m-%d')"


@dataclass(frozen=True)
class FleetDocument:
    """A document: its path below the documents' folder, and its text, one JSON object."""

    name: str
    text: str


def fleet_documents(engine: duckdb.DuckDBPyConnection) -> Iterator[FleetDocument]:
    """Yield every document of the release whose tables `engine` has as views (`TABLES`)."""
    for query in (_daily("true"), _kpis(), _master_reports("true")):
        yield from _documents(engine, query)


def daily_documents(engine: duckdb.DuckDBPyConnection) -> Iterator[FleetDocument]:
    """Yield the document of each day."""
    yield from _documents(engine, _daily("true"))


def daily_document(engine: duckdb.DuckDBPyConnection, day: date) -> FleetDocument | None:
    """Return the document of a day, or None where the release has no such day."""
    return next(_documents(engine, _daily(f"day.date = date '{day}'")), None)


def kpi_document(
    engine: duckdb.DuckDBPyConnection, start: date | None, end: date | None, run_date: date
) -> FleetDocument:
    """Return the figures over all tasks of a range of days, by default of all up to `run_date`.

    `engine` has silver.current_tasks as a view.
    """
    first, last = (f"date '{day}'" if day else None for day in (start, end))
    last = last or f"date '{run_date}'"
    tasks = f"""
        select
            cast("timestamp" as date) as date, coalesce(master, 'unknown') as master, status,
            performance_bucket, case when status = 'completed' then duration_seconds end as took
        from {CURRENT_TASKS}
    """  # noqa: S608 - a name of our own
    start_date = first or f"coalesce((select min(date) from tasks), {last})"  # noqa: S608
    query = f"""
        with tasks as ({tasks}),
        edges as (select {start_date} as start_date, {last} as end_date),
        chosen as (
            select tasks.* from tasks cross join edges where date between start_date and end_date
        ),
        measured as (select {_MEASURES} from chosen),
        masters as (select master, {_MEASURES} from chosen group by master)
        select start_date, end_date, measured.*, {_list("masters", "master", SUMMARY)} as by_master
        from edges cross join measured
    """  # noqa: S608 - dates and names of our own
    return next(_documents(engine, _kpis(f"({query})")))


def master_document(
    engine: duckdb.DuckDBPyConnection, master: str, day: date
) -> FleetDocument | None:
    """Return the report of a master and day, or None where it has no task then."""
    query = _master_reports(f"master = $master and date = date '{day}'")
    return next(_documents(engine, query, {"master": master.lower()}), None)


def _documents(
    engine: duckdb.DuckDBPyConnection, query: str, parameters: dict[str, str] | None = None
) -> Iterator[FleetDocument]:
    found = engine.execute(query, parameters)
    while rows := found.fetchmany(100):
        for name, text in rows:
            yield FleetDocument(name, text)


def _struct(names: tuple[str, ...]) -> str:
    return "{" + ", ".join(f"'{name}': {name}" for name in names) + "}"


def _list(relation: str, key: str, names: tuple[str, ...]) -> str:
    """SQL of the rows of a whole relation as a list of objects, sorted by `key`."""
    return f"(select coalesce(list({_struct((key, *names))} order by {key}), []) from {relation})"  # noqa: S608 - names of our own


def _daily(condition: str) -> str:
    def lists(table: str, key: str, names: tuple[str, ...]) -> str:
        item = _struct((key, *names))
        return f"select date, list({item} order by {key}) as found from gold.{table} group by date"  # noqa: S608 - names of our own

    return f"""
        select
            strftime(day.date, 'daily/daily-%Y%m%d.json'),
            to_json({{
                'date': strftime(day.date, '%Y-%m-%d'),
                'layer': 'gold',
                'summary': {_struct(SUMMARY)},
                'by_master': coalesce(masters.found, []),
                'by_status': coalesce(statuses.found, []),
                'by_type': coalesce(types.found, []),
                'performance': {_struct(PERFORMANCE)}
            }})
        from gold.daily_analytics as day
        left join ({lists("by_master", "master", SUMMARY)}) as masters using (date)
        left join ({lists("by_status", "status", ("total_tasks",))}) as statuses using (date)
        left join ({lists("by_type", "type", SUMMARY)}) as types using (date)
        where {condition}
        order by day.date
    """  # noqa: S608 - names of our own


def _kpis(figures: str | None = None) -> str:
    """The document of the release's own range, or of other `figures` with their masters."""
    if figures is None:
        tasks = f"""
            select
                coalesce(master, 'unknown') as master, status, performance_bucket,
                case when status = 'completed' then duration_seconds end as took
            from {CURRENT_TASKS}
        """  # noqa: S608 - a name of our own
        masters = f"(select master, {_MEASURES} from ({tasks}) group by master)"  # noqa: S608
        figures = f"(select *, {_list(masters, 'master', SUMMARY)} as by_master from gold.kpis)"  # noqa: S608
    return f"""
        select
            strftime(start_date, 'kpis/kpis-%Y%m%d-to-') || strftime(end_date, '%Y%m%d.json'),
            to_json({{
                'start_date': strftime(start_date, '%Y-%m-%d'),
                'end_date': strftime(end_date, '%Y-%m-%d'),
                'layer': 'gold',
                'summary': {_struct(SUMMARY)},
                'by_master': by_master,
                'performance': {_struct(PERFORMANCE)}
            }})
        from {figures}
    """  # noqa: S608 - names of our own


def _master_reports(condition: str) -> str:
    """Of masters whose names come out alike, all but the first get a hash of theirs, too."""
    listed = """list_transform(tasks, lambda task: {
        'task_id': task.task_id, 'status': task.status, 'type': task.type,
        'priority': task.priority,
        'timestamp': case
            when microsecond(task."timestamp") % 1000000 = 0
                then strftime(task."timestamp", '%Y-%m-%dT%H:%M:%SZ')
            else strftime(task."timestamp", '%Y-%m-%dT%H:%M:%S.%fZ')
        end,
        'duration_seconds': task.duration_seconds
    })"""
    return f"""
        with named as (
            select *, regexp_replace(master, '[^a-z0-9._-]', '_', 'g') as spelled
            from gold.master_report
        ),
        told_apart as (
            select
                *,
                case
                    when row_number() over (partition by spelled, date order by master) > 1
                        then spelled || '~' || left(sha256(master), 8)
                    else spelled
                end as file
            from named
        )
        select
            'masters/' || file || strftime(date, '-%Y%m%d.json'),
            to_json({{
                'master': master,
                'date': {_DAY},
                'layer': 'gold',
                'summary': {_struct(SUMMARY)},
                'performance': {_struct(PERFORMANCE)},
                'tasks': {listed}
            }})
        from told_apart
        where {condition}
        order by date, master
    """  # noqa: S608 - names of our own; what strangers name is a parameter


_MEASURES = """
    count(*) as total_tasks,
    count(*) filter (status = 'completed') as completed_tasks,
    count(*) filter (status = 'failed') as failed_tasks,
    count(*) filter (status = 'cancelled') as cancelled_tasks,
    100.0 * completed_tasks / nullif(total_tasks, 0) as completion_rate,
    100.0 * completed_tasks / nullif(completed_tasks + failed_tasks, 0) as success_rate,
    avg(took) as avg_duration_seconds,
    quantile_cont(took, 0.5) as p50_duration,
    quantile_cont(took, 0.95) as p95_duration,
    quantile_cont(took, 0.99) as p99_duration,
    count(*) filter (performance_bucket = 'fast') as fast_tasks,
    count(*) filter (performance_bucket = 'normal') as normal_tasks,
    count(*) filter (performance_bucket = 'slow') as slow_tasks
"""
