"""The commands `query` and `quarantine`: rows of a release.

Belongs here: their options and what they print. Does not belong here: SQL
(`tasks/release_views.py`, `tasks/quarantine_rows.py`), and layout (`output.py`).
"""

from __future__ import annotations

import enum
import itertools
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from cli.options import (
    Env,
    Json,
    LakeRoot,
    Pipeline,
    ReleaseNumber,
    environment_lake,
)
from cli.output import console, note, plain_table, print_json, print_rows, write_csv
from tasks.contracts.errors import ConfigurationError
from tasks.contracts.names import did_you_mean
from tasks.releases import read_release
from tasks.reports.human_figures import count
from tasks.specs import known_pipeline

if TYPE_CHECKING:
    from tasks.quarantine_rows import Quarantined
    from tasks.release_views import Rows

TABLE_LIMIT = 100


class RowFormat(enum.StrEnum):
    """How rows are written."""

    table = "table"
    csv = "csv"
    json = "json"


FormatOption = Annotated[
    RowFormat | None, typer.Option("--format", help="How to write the rows; else as a table.")
]
LimitOption = Annotated[
    int | None,
    typer.Option(
        "--limit",
        metavar="N",
        min=0,
        help=f"At most so many rows; else {TABLE_LIMIT} in a table, and all in CSV and JSON.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command("query")(query)
    app.command("quarantine")(quarantine)


def query(
    pipeline: Pipeline,
    sql: Annotated[str, typer.Argument(metavar="SQL", help="One SELECT in DuckDB's SQL.")],
    *,
    release: ReleaseNumber = None,
    row_format: FormatOption = None,
    limit: LimitOption = None,
    env: Env = None,
    lake: LakeRoot = None,
    as_json: Json = False,
) -> None:
    """Run SQL over the published tables of one release.

    Tables are named as `medallion tables` lists them; audit.runs is the audit trail.

    The query reads exactly the files of the release, and can write nothing.

    [dim]medallion query ecommerce "from gold.fct_daily_dashboard order by dt"[/dim]
    """
    shape = _chosen(row_format, as_json)
    settings, opened = environment_lake(env, lake)
    document = read_release(opened, known_pipeline(pipeline), release)
    from tasks.release_views import release_views, select, tables_of  # noqa: PLC0415

    with release_views(
        opened,
        document,
        tables=tables_of(sql, opened, document),
        threads=settings.threads,
        memory_limit=settings.memory_limit,
    ) as connection:
        _write(select(connection, sql), shape, limit)


def quarantine(
    pipeline: Pipeline,
    table: Annotated[
        str | None, typer.Argument(metavar="TABLE", help="A table: its rows, not the counts.")
    ] = None,
    *,
    reason: Annotated[
        str | None, typer.Option("--reason", metavar="NAME", help="Only what broke this rule.")
    ] = None,
    release: ReleaseNumber = None,
    row_format: FormatOption = None,
    limit: LimitOption = None,
    env: Env = None,
    lake: LakeRoot = None,
    as_json: Json = False,
) -> None:
    """Show what was rejected, and why: counts by table and reason, or the rows of a table.

    Rows come as they were received, with their source file and every rule they broke.

    [dim]medallion quarantine ecommerce orders --reason customer_id_orphan[/dim]
    """
    shape = _chosen(row_format, as_json)
    settings, opened = environment_lake(env, lake)
    document = read_release(opened, known_pipeline(pipeline), release)
    from tasks.quarantine_rows import quarantine_counts, quarantine_tables, quarantined_rows  # noqa: PLC0415
    from tasks.release_views import release_views  # noqa: PLC0415

    known = quarantine_tables(document)
    wanted = None if table is None else _quarantined_table(table, known)
    head = {"pipeline": pipeline, "release": document.release, "run_id": document.run_id}
    with release_views(
        opened,
        document,
        tables=known.values() if wanted is None else {known[wanted]},
        threads=settings.threads,
        memory_limit=settings.memory_limit,
    ) as connection:
        if wanted is not None:
            found = quarantined_rows(connection, known[wanted], reason)
            written = _write(found, shape, limit, {**head, "table": wanted})
            if written == 0 and reason is not None:
                known_reasons = quarantine_counts(connection, known[wanted]).reasons
                hint = did_you_mean(reason, known_reasons)
                note(f"no row of {wanted} broke '{reason}'{hint}")
            return
        counts = {name: quarantine_counts(connection, held) for name, held in known.items()}
    _write_counts(counts, reason, shape, head)


def _chosen(row_format: RowFormat | None, as_json: bool) -> RowFormat:
    if as_json and row_format not in (None, RowFormat.json):
        raise ConfigurationError(f"--json and --format {row_format} contradict each other")
    return RowFormat.json if as_json else row_format or RowFormat.table


def _quarantined_table(name: str, known: dict[str, str]) -> str:
    """Return the silver table that is meant by its name or by that of its quarantine."""
    bare = name.removeprefix("silver.")
    for table, quarantine in known.items():
        if f"silver.{bare}" in (table, quarantine):
            return table
    names = [each.removeprefix("silver.") for each in (*known, *known.values())]
    raise ConfigurationError(f"no table '{name}' with a quarantine{did_you_mean(bare, names)}")


def _write(
    found: Rows, shape: RowFormat, limit: int | None, head: dict[str, Any] | None = None
) -> int:
    """Write rows in the shape asked for; return how many."""
    if shape is RowFormat.csv:
        counter = itertools.count()
        rows = zip(itertools.islice(found.rows, limit), counter, strict=False)
        write_csv(found.columns, (row for row, _ in rows))
        return next(counter)
    if shape is RowFormat.json:
        kept = list(itertools.islice(found.rows, limit))
        print_json({**(head or {}), "columns": found.columns, "rows": kept}, indent=None)
        return len(kept)
    most = TABLE_LIMIT if limit is None else limit
    kept = list(itertools.islice(found.rows, most))
    print_rows(found.columns, kept)
    if next(found.rows, None) is not None:
        note(f"the first {count(most)} rows; --limit shows more")
    return len(kept)


def _write_counts(
    counts: dict[str, Quarantined],
    reason: str | None,
    shape: RowFormat,
    head: dict[str, Any],
) -> None:
    lines = [
        (table, found.rows, name, rows)
        for table, found in counts.items()
        for name, rows in found.reasons.items()
        if reason in (None, name)
    ]
    if shape is RowFormat.csv:
        write_csv(("table", "quarantined", "reason", "rows"), lines)
        return
    if shape is RowFormat.json:
        by_table = {
            table: {
                "quarantined": found.rows,
                "reasons": {n: rows for t, _, n, rows in lines if t == table},
            }
            for table, found in counts.items()
        }
        print_json({**head, "tables": by_table})
        return
    if not lines:
        what = "is quarantined" if reason is None else f"was quarantined for '{reason}'"
        console().print(f"{head['pipeline']} release {head['release']}: nothing {what}")
        return
    grid = plain_table("table", "quarantined", "reason", "rows", figures=("quarantined", "rows"))
    before = None
    for table, quarantined, name, rows in lines:
        again = table == before
        grid.add_row(
            "" if again else Text(table),
            "" if again else count(quarantined),
            Text(name),
            count(rows),
        )
        before = table
    console().print(grid)
