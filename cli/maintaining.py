"""The command `maintain`: what of a lake goes, and why.

Belongs here: its options and what it prints. Does not belong here: deciding or deleting
(`tasks/retention.py`, `tasks/maintenance.py`).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from cli.flow_calls import absolute_text
from cli.options import Env, Json, LakeRoot
from cli.output import console, plain_table, print_json
from tasks.contracts.errors import ConfigurationError
from tasks.quick_imports import no_garbage
from tasks.reports.human_figures import count, quantity, size

if TYPE_CHECKING:
    from tasks.holdings import Sweep

_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(maintain)


def maintain(
    pipeline: Annotated[
        str | None,
        typer.Argument(metavar="[PIPELINE]", help="Name of a pipeline; else all.", show_default=""),
    ] = None,
    grace: Annotated[
        str,
        typer.Option(
            metavar="TIME",
            help="What changed within so long stays: hours, or with a unit, 90m or 2d. Longer "
            "than any run takes.",
        ),
    ] = "24h",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List what would go, and delete nothing.")
    ] = False,
    lake: LakeRoot = None,
    env: Env = None,
    as_json: Json = False,
) -> None:
    """Delete old releases, their files, and what runs that crashed have left.

    The specification says how long a layer is kept (retention). What a retained release lists
    never goes; the current release and the one that it repeats are always retained. Records of runs
    and their reports stay, and so does landed bronze, unless bronze_days says how long. Of buckets
    with versions, bronze_version_days limits those that are not current.

    [dim]medallion maintain ecommerce --dry-run[/dim]
    """
    from blocks.settings import load_settings  # noqa: PLC0415
    from tasks.specs import known_pipelines, load_spec  # noqa: PLC0415

    period = grace_period(grace)
    names = [pipeline] if pipeline is not None else known_pipelines()
    specs = {name: load_spec(name) for name in names}
    settings = load_settings(env, lake_root=lake)
    if dry_run:
        from tasks.maintenance import look  # noqa: PLC0415

        opened, now = settings.lake(), datetime.now(UTC)
        sweeps = {n: look(opened, spec, now=now, grace=period) for n, spec in specs.items()}
    else:
        sweeps = _clear_up(pipeline, period, absolute_text(lake), env)
    if as_json:
        print_json(_document(sweeps, dry_run=dry_run))
    else:
        _show(sweeps, dry_run=dry_run)


def grace_period(text: str) -> timedelta:
    """Return the time that `text` says: hours, or a number with d, h, m or s."""
    found = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]+)?)([dhms]?)", text.strip())
    if found is None:
        raise ConfigurationError(f"--grace {text}: give hours, or a number with d, h, m or s")
    return timedelta(seconds=float(found[1]) * _UNITS[found[2] or "h"])


def _clear_up(
    pipeline: str | None, grace: timedelta, lake: str | None, env: str | None
) -> dict[str, Sweep]:
    from cli.prefect_api import PrefectApi  # noqa: PLC0415

    api = PrefectApi()
    api.start()
    with no_garbage():
        from flows.maintain import maintain as flow  # noqa: PLC0415 - while the API starts
    with api.ready():
        sweeps: dict[str, Sweep] = flow(
            pipeline,
            grace_hours=grace.total_seconds() / _UNITS["h"],
            lake=lake,
            environment=env,
        )
    return sweeps


def _document(sweeps: dict[str, Sweep], *, dry_run: bool) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "pipelines": [
            {
                "pipeline": name,
                "retained": list(sweep.retained),
                "removals": [
                    {
                        "kind": removal.kind,
                        "name": removal.name,
                        "reason": removal.reason,
                        "files": len(removal.objects),
                        "bytes": removal.bytes,
                    }
                    for removal in sweep.removals
                ],
            }
            for name, sweep in sweeps.items()
        ],
    }


def _show(sweeps: dict[str, Sweep], *, dry_run: bool) -> None:
    """Print the list; that of a dry run differs in the one word that says so."""
    out, verb = console(), "would go" if dry_run else "gone"
    for name, sweep in sweeps.items():
        numbers = ", ".join(map(str, sweep.retained)) or "none"
        files = sum(len(removal.objects) for removal in sweep.removals)
        total = size(sum(removal.bytes for removal in sweep.removals))
        out.print(
            Text(f"{name}: {quantity(files, 'file')}, {total} {verb}; releases kept: {numbers}"),
            soft_wrap=True,
        )
        if not sweep.removals:
            continue
        table = plain_table(
            "kind",
            "name",
            "files",
            "bytes",
            "reason",
            figures=("files", "bytes"),
            wrapped=("reason",),
        )
        for removal in sweep.removals:
            table.add_row(
                removal.kind,
                Text(removal.name),
                count(len(removal.objects)),
                size(removal.bytes),
                Text(removal.reason),
            )
        out.print(table)
        out.print()
