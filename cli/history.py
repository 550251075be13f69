"""The commands `releases` and `rollback`: what was published when, and going back to it.

Belongs here: their options and what they print. Does not belong here: moving the pointer
(`tasks/releases.py`), and what is in a release (`overview.py`).
"""

from __future__ import annotations

from datetime import UTC
from typing import Annotated, Any

import typer
from rich.text import Text

from cli.flow_calls import absolute_text
from cli.options import Env, Json, LakeRoot, Pipeline, environment_lake
from cli.output import console, plain_table, print_json
from tasks.contracts.release import Release
from tasks.quick_imports import no_garbage
from tasks.releases import check_rollback, list_releases, read_current, read_release
from tasks.reports.human_figures import count, quantity, size
from tasks.specs import known_pipeline


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command("releases")(releases)
    app.command("rollback")(rollback)


def releases(
    pipeline: Pipeline,
    *,
    env: Env = None,
    lake: LakeRoot = None,
    as_json: Json = False,
) -> None:
    """List the releases of a pipeline, oldest first; the current one is marked with *."""
    _, opened = environment_lake(env, lake)
    history = list_releases(opened, known_pipeline(pipeline))
    if not history:
        read_release(opened, pipeline)  # says that there is none, and what to do
    current = read_current(opened, pipeline).release
    if as_json:
        listed = [_as_entry(release) for release in history]
        print_json({"pipeline": pipeline, "current": current, "releases": listed})
        return
    numbers = ("release", "tables", "rows", "bytes")
    table = plain_table(
        "release",
        "kind",
        "run date",
        "run id",
        "created (UTC)",
        "tables",
        "rows",
        "bytes",
        figures=numbers,
        wrapped=("kind",),
    )
    for release in history:
        mark = "*" if release.release == current else " "
        figures = _figures(release)
        table.add_row(
            f"{release.release} {mark}",
            release.kind if release.repeats is None else f"rollback of {release.repeats}",
            release.run_date.isoformat(),
            Text(release.run_id),
            f"{release.created_at.astimezone(UTC):%Y-%m-%d %H:%M}",
            count(figures["tables"]),
            count(figures["rows"]),
            size(figures["bytes"]),
            style="bold" if mark == "*" else "",
        )
    console().print(table)


def rollback(
    pipeline: Pipeline,
    *,
    to: Annotated[
        int, typer.Option("--to", metavar="N", min=1, help="The release to publish again.")
    ],
    env: Env = None,
    lake: LakeRoot = None,
    as_json: Json = False,
) -> None:
    """Publish an older release again, as a new one: history is never rewritten.

    [dim]medallion rollback ecommerce --to 3[/dim]
    """
    _, opened = environment_lake(env, lake)
    known_pipeline(pipeline)
    check_rollback(opened, pipeline, read_release(opened, pipeline), to)
    release = _rolled_back(pipeline, to, absolute_text(lake), env)
    if as_json:
        print_json({"pipeline": pipeline, **_as_entry(release)})
        return
    console().print(
        f"{pipeline}: release {release.release} is current and repeats release {to}"
        f" (run date {release.run_date}, run {release.run_id},"
        f" {quantity(len(release.shown), 'table')})",
        soft_wrap=True,
    )


def _rolled_back(pipeline: str, to: int, lake: str | None, env: str | None) -> Release:
    from cli.prefect_api import PrefectApi  # noqa: PLC0415

    api = PrefectApi()
    api.start()
    with no_garbage():
        from flows.rollback import rollback as flow  # noqa: PLC0415 - while the API starts
    with api.ready():
        release: Release = flow(pipeline, to, lake=lake, environment=env)
    return release


def _figures(release: Release) -> dict[str, int]:
    return {
        "tables": len(release.shown),
        "rows": sum(table.rows for table in release.shown.values()),
        "bytes": sum(table.bytes for table in release.shown.values()),
    }


def _as_entry(release: Release) -> dict[str, Any]:
    return {
        "release": release.release,
        "kind": release.kind,
        "repeats": release.repeats,
        "previous": release.previous,
        "run_id": release.run_id,
        "run_date": release.run_date,
        "created_at": release.created_at,
        **_figures(release),
    }
