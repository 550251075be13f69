"""The command `query`, and how rows of a release are written.

Belongs here: its options, and writing rows as a table, CSV or JSON. Does not belong here: SQL
(`tasks/release_views.py`), what was rejected (`quarantining.py`), and layout (`output.py`).
"""

from __future__ import annotations

import enum
import itertools
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import (
    Env,
    Json,
    LakeRoot,
    Pipeline,
    ReleaseNumber,
    environment_lake,
)
from cli.output import note, print_json, print_rows, write_csv
from tasks.contracts.errors import ConfigurationError
from tasks.releases import read_release
from tasks.reports.human_figures import count
from tasks.specs import known_pipeline

if TYPE_CHECKING:
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
    shape = chosen_format(row_format, as_json)
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
        write_found(select(connection, sql), shape, limit)


def chosen_format(row_format: RowFormat | None, as_json: bool) -> RowFormat:
    """Return how rows are to be written; raises ConfigurationError."""
    if as_json and row_format not in (None, RowFormat.json):
        raise ConfigurationError(f"--json and --format {row_format} contradict each other")
    return RowFormat.json if as_json else row_format or RowFormat.table


def write_found(
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
