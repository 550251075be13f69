"""The commands of operators of a fleet: kpis, master-report and fleet-page.

Belongs here: their options and what they print. Does not belong here: the documents themselves
(`tasks/fleet_documents.py`, `tasks/document_files.py`).
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from cli.options import Env, Json, LakeRoot, ReleaseNumber, environment_lake
from cli.output import console, note, plain_table, print_json
from tasks.contracts.errors import ConfigurationError
from tasks.contracts.names import did_you_mean
from tasks.contracts.release import Release
from tasks.releases import read_release
from tasks.reports.human_figures import count

if TYPE_CHECKING:
    import duckdb

PIPELINE = "coordination"
Day = Annotated[
    datetime | None,
    typer.Option("--run-date", metavar="DATE", formats=["%Y-%m-%d"], help="Else the release's."),
]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command("kpis")(kpis)
    app.command("master-report")(master_report)
    app.command("daily")(daily)
    app.command("fleet-page")(page)


def kpis(
    *,
    start: Annotated[
        datetime | None,
        typer.Option(metavar="DATE", formats=["%Y-%m-%d"], help="Else the first day with tasks."),
    ] = None,
    end: Annotated[
        datetime | None,
        typer.Option(metavar="DATE", formats=["%Y-%m-%d"], help="Else the release's run date."),
    ] = None,
    release: ReleaseNumber = None,
    env: Env = None,
    lake: LakeRoot = None,
    as_json: Json = False,
) -> None:
    """Show the figures over all tasks of a range of days, of the whole fleet and each master.

    [dim]medallion kpis --start 2026-01-01 --end 2026-01-14[/dim]
    """
    first, last = (day.date() if day else None for day in (start, end))
    if first is not None and last is not None and first > last:
        raise ConfigurationError(f"--start {first} is after --end {last}")
    from tasks.fleet_documents import CURRENT_TASKS, kpi_document  # noqa: PLC0415

    with _opened(env, lake, release, {CURRENT_TASKS}) as (engine, document):
        found = json.loads(kpi_document(engine, first, last, document.run_date).text)
    if as_json:
        print_json(found)
        return
    shown = console()
    shown.print(f"Tasks from {found['start_date']} to {found['end_date']}", style="bold")
    _print_figures(found)
    table = plain_table(
        "master", "tasks", "completed", "failed", "success", figures=("tasks", "completed")
    )
    for row in found["by_master"]:
        table.add_row(
            Text(row["master"]),
            count(row["total_tasks"]),
            count(row["completed_tasks"]),
            count(row["failed_tasks"]),
            _percent(row["success_rate"]),
        )
    shown.print(table)


def daily(
    *,
    run_date: Annotated[
        datetime | None,
        typer.Option("--run-date", metavar="DATE", formats=["%Y-%m-%d"], help="Else today (UTC)."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write a document a day into it.")
    ] = None,
    env: Env = None,
    lake: LakeRoot = None,
    as_json: Json = False,
) -> None:
    """Compute the daily analytics straight from bronze, at once: nothing is published.

    A run publishes the same, with gates, history and everything else.

    [dim]medallion daily --run-date 2026-01-14 --out analytics/[/dim]
    """
    from tasks.fleet_documents import daily_document, daily_documents  # noqa: PLC0415
    from tasks.quick_analytics import quick_analytics  # noqa: PLC0415
    from tasks.quick_inventory import task_files  # noqa: PLC0415

    day = run_date.date() if run_date else datetime.now(UTC).date()
    settings, opened = environment_lake(env, lake)
    with (
        task_files(opened, PIPELINE, day) as (table, files),
        quick_analytics(
            table, files, day, threads=settings.threads, memory_limit=settings.memory_limit
        ) as engine,
    ):
        written = 0
        if out is not None:
            (out / "daily").mkdir(parents=True, exist_ok=True)
            for document in daily_documents(engine):
                (out / document.name).write_text(f"{document.text}\n", encoding="utf-8")
                written += 1
        today = daily_document(engine, day)
    assert today is not None, "the run date is always a day of daily analytics"
    found = json.loads(today.text)
    if as_json:
        print_json(found)
        return
    if out is not None:
        note(f"{written} documents written to {out / 'daily'}")
    console().print(f"Tasks of {found['date']}", style="bold")
    _print_figures(found)


def master_report(
    master: Annotated[str, typer.Argument(metavar="MASTER", help="Who tasks are assigned to.")],
    *,
    run_date: Day = None,
    release: ReleaseNumber = None,
    env: Env = None,
    lake: LakeRoot = None,
    as_json: Json = False,
) -> None:
    """Show the day of one master: its figures, and its tasks one by one.

    [dim]medallion master-report security --run-date 2026-01-14[/dim]
    """
    from tasks.fleet_documents import master_document  # noqa: PLC0415

    with _opened(env, lake, release, {"gold.master_report"}) as (engine, document):
        day = run_date.date() if run_date else document.run_date
        report = master_document(engine, master, day)
        if report is None:
            raise ConfigurationError(_no_report(engine, master, day))
        found = json.loads(report.text)
    if as_json:
        print_json(found)
        return
    shown = console()
    shown.print(Text(f"{found['master']} on {found['date']}", style="bold"))
    _print_figures(found)
    table = plain_table("task", "status", "type", "priority", "changed", "seconds")
    for task in found["tasks"]:
        cells = (task["task_id"], task["status"], task["type"], task["priority"])
        seconds = "" if task["duration_seconds"] is None else f"{task['duration_seconds']:,.1f}"
        table.add_row(*(Text(cell or "") for cell in cells), task["timestamp"], seconds)
    shown.print(table)


def page(
    *,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The HTML file to write.")],
    run_date: Day = None,
    release: ReleaseNumber = None,
    env: Env = None,
    lake: LakeRoot = None,
) -> None:
    """Write the HTML page of a day of the fleet; a run writes that of its own day.

    [dim]medallion fleet-page --run-date 2026-01-14 --out fleet.html[/dim]
    """
    from tasks.document_files import page_of_day  # noqa: PLC0415
    from tasks.fleet_documents import TABLES  # noqa: PLC0415

    with _opened(env, lake, release, set(TABLES)) as (engine, document):
        found = page_of_day(engine, run_date.date() if run_date else document.run_date)
    try:
        out.write_text(found.text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"--out {out}: cannot be written ({error.strerror})") from error
    note(f"written: {out}")


@contextlib.contextmanager
def _opened(
    env: str | None, lake: Path | None, number: int | None, tables: set[str]
) -> Iterator[tuple[duckdb.DuckDBPyConnection, Release]]:
    from tasks.document_files import documents_prefix  # noqa: PLC0415

    settings, opened = environment_lake(env, lake)
    document = read_release(opened, PIPELINE, number)
    where = document.warehouse_gold
    if where is not None and any(name.startswith("gold.") for name in tables):
        raise ConfigurationError(
            f"gold of release {document.release} is in the warehouse ({where.project}."
            f"{where.dataset}), not in the lake: read what is written of it in "
            f"{opened.gold.url(documents_prefix(PIPELINE))}"
        )
    from tasks.release_views import release_views  # noqa: PLC0415

    with release_views(
        opened,
        document,
        tables=tables,
        threads=settings.threads,
        memory_limit=settings.memory_limit,
    ) as engine:
        yield engine, document


def _no_report(engine: duckdb.DuckDBPyConnection, master: str, day: date) -> str:
    rows = engine.execute(
        "select date from gold.master_report where master = ? order by date desc limit 3",
        [master.lower()],
    ).fetchall()
    if rows:
        days = ", ".join(str(row[0]) for row in rows)
        return f"{master} has no task that counts on {day}; the last days with some: {days}"
    known = engine.execute("select distinct master from gold.master_report").fetchall()
    return f"no master '{master}'{did_you_mean(master.lower(), [row[0] for row in known])}"


def _print_figures(found: Mapping[str, Any]) -> None:
    summary, performance = found["summary"], found["performance"]
    table = plain_table("figure", "value", figures=("value",))
    for name in ("total_tasks", "completed_tasks", "failed_tasks", "cancelled_tasks"):
        table.add_row(name, count(summary[name]))
    for name in ("completion_rate", "success_rate"):
        table.add_row(name, _percent(summary[name]))
    durations = {"avg_duration_seconds": summary["avg_duration_seconds"], **performance}
    for name, value in durations.items():
        is_count = name.endswith("_tasks")
        table.add_row(name, count(value) if is_count else _seconds(value))
    console().print(table)


def _percent(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f} %"


def _seconds(value: float | None) -> str:
    return "none" if value is None else f"{value:,.2f} s"
