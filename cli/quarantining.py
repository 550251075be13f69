"""The command `quarantine`: what was rejected and why.

Belongs here: its options, and listing counts and rows. Does not belong here: queries
(`tasks/quarantine_rows.py`), and handing corrections in (`correcting.py`).
"""

from __future__ import annotations

import enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from blocks.lake import Lake
from blocks.settings import Settings
from cli.correcting import export, export_format, head_of, replay
from cli.options import (
    Env,
    Json,
    LakeRoot,
    Pipeline,
    ReleaseNumber,
    environment_lake,
)
from cli.output import console, note, plain_table, print_json, write_csv
from cli.querying import FormatOption, LimitOption, RowFormat, chosen_format, write_found
from tasks.contracts.errors import ConfigurationError
from tasks.contracts.names import did_you_mean
from tasks.contracts.release import Release
from tasks.releases import read_release
from tasks.reports.human_figures import count
from tasks.specs import known_pipeline

if TYPE_CHECKING:
    from tasks.quarantine_rows import Quarantined


class Action(enum.StrEnum):
    """What is done with the rejected rows of a table, other than to list them."""

    export = "export"
    replay = "replay"


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("quarantine")(quarantine)


def quarantine(
    pipeline: Pipeline,
    table: Annotated[
        str | None, typer.Argument(metavar="TABLE", help="A table: its rows, not the counts.")
    ] = None,
    action: Annotated[
        Action | None,
        typer.Argument(
            metavar="export|replay",
            help="Write the rows to a file, to be corrected there; or land such a file in bronze.",
            show_default=False,
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="Of export: standard output if it is left out."),
    ] = None,
    *,
    reason: Annotated[
        str | None, typer.Option("--reason", metavar="NAME", help="Only what broke this rule.")
    ] = None,
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="NAME", help="Who has corrected what is replayed; else you."),
    ] = None,
    release: ReleaseNumber = None,
    row_format: FormatOption = None,
    limit: LimitOption = None,
    env: Env = None,
    lake: LakeRoot = None,
    as_json: Json = False,
) -> None:
    """Show what was rejected, and why; export it, and replay what was corrected.

    Without a table there are counts by table and reason. Rows come as they were received, with
    their source file and every rule they broke.

    An export is a file, CSV or JSON, in which values are corrected and rows that are to stay in
    quarantine left as they are or deleted. A replay lands what was changed as a batch of its own,
    which the next run judges in the place of the rejected rows. The same file lands once.

    [dim]medallion quarantine ecommerce orders --reason customer_id_orphan[/dim]

    [dim]medallion quarantine ecommerce orders export corrected.csv[/dim]

    [dim]medallion quarantine ecommerce orders replay corrected.csv --by "J. Doe"[/dim]
    """
    shape = _checked_call(action, file, row_format, as_json, release, by)
    settings, opened = environment_lake(env, lake)
    document = read_release(opened, known_pipeline(pipeline), release)
    from tasks.quarantine_rows import quarantine_tables  # noqa: PLC0415

    known = quarantine_tables(document)
    if table is None:
        _list_counts(opened, settings, document, known, reason, shape)
        return
    wanted = _quarantined_table(table, known)
    if action is Action.export:
        export(opened, settings, document, (wanted, known[wanted]), file, shape, reason, limit)
    elif action is Action.replay and file is not None:
        replay(opened, settings, document, (wanted, known[wanted]), file, by, as_json)
    else:
        _list_rows(opened, settings, document, (wanted, known[wanted]), shape, reason, limit)


def _checked_call(
    action: Action | None,
    file: Path | None,
    row_format: RowFormat | None,
    as_json: bool,
    release: int | None,
    by: str | None,
) -> RowFormat:
    """Return how rows are to be written; raises ConfigurationError for a wrong call."""
    if action is not Action.replay and by is not None:
        raise ConfigurationError("--by says who has corrected what is replayed")
    if action is Action.replay and file is None:
        raise ConfigurationError("replay takes the corrected file")
    if action is Action.replay and release is not None:
        raise ConfigurationError("--release: a replay corrects what the current release rejected")
    if action is not Action.export:
        return chosen_format(row_format, as_json)
    if file is not None and file.exists():
        raise ConfigurationError(f"{file}: exists, and may hold corrections; name another file")
    return export_format(row_format, as_json, file)


def _list_counts(
    lake: Lake,
    settings: Settings,
    release: Release,
    known: dict[str, str],
    reason: str | None,
    shape: RowFormat,
) -> None:
    from tasks.quarantine_rows import quarantine_counts  # noqa: PLC0415
    from tasks.release_views import release_views  # noqa: PLC0415

    limits: dict[str, Any] = {"threads": settings.threads, "memory_limit": settings.memory_limit}
    with release_views(lake, release, tables=set(known.values()), **limits) as connection:
        counts = {name: quarantine_counts(connection, held) for name, held in known.items()}
    _write_counts(counts, reason, shape, head_of(release))


def _list_rows(
    lake: Lake,
    settings: Settings,
    release: Release,
    tables: tuple[str, str],
    shape: RowFormat,
    reason: str | None,
    limit: int | None,
) -> None:
    from tasks.quarantine_rows import quarantine_counts, quarantined_rows  # noqa: PLC0415
    from tasks.release_views import release_views  # noqa: PLC0415

    table, held = tables
    limits: dict[str, Any] = {"threads": settings.threads, "memory_limit": settings.memory_limit}
    with release_views(lake, release, tables={held}, **limits) as connection:
        found = quarantined_rows(connection, held, reason)
        written = write_found(found, shape, limit, head_of(release, table))
        if written == 0 and reason is not None:
            known_reasons = quarantine_counts(connection, held).reasons
            hint = did_you_mean(reason, known_reasons)
            note(f"no row of {table} broke '{reason}'{hint}")


def _quarantined_table(name: str, known: dict[str, str]) -> str:
    """Return the silver table that is meant by its name, its quarantine's, or that of its bronze.

    A quarantine may be called after the bronze table, whose rows it holds.
    """
    bare = name.removeprefix("silver.")
    for table, quarantine in known.items():
        if f"silver.{bare}" in (table, quarantine, quarantine.removesuffix("_quarantine")):
            return table
    names = [each.removeprefix("silver.") for each in (*known, *known.values())]
    raise ConfigurationError(f"no table '{name}' with a quarantine{did_you_mean(bare, names)}")


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
