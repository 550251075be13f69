"""The commands `blocks …`: an environment's file, saved as Prefect blocks.

Belongs here: their options and what they print. Does not belong here: making and comparing blocks
(`blocks/applying.py`).
"""

from __future__ import annotations

from typing import Annotated

import typer

from cli.options import Json
from cli.saved_changes import answering_api, tell_changes

blocks_app = typer.Typer(
    help="Prefect blocks of the environments.", no_args_is_help=True, add_completion=False
)


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.add_typer(blocks_app, name="blocks")


@blocks_app.command("apply")
def apply(
    environment: Annotated[
        str, typer.Argument(metavar="ENV", help="Name of an environment, such as dev.")
    ],
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would change, and save nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Save what deployments/ENV.yml says as blocks of the Prefect API, and tell what changed.

    Secrets that the file refers to are looked up and saved in the blocks, where Prefect keeps them
    encrypted; apply again after one was replaced. Blocks that are as the file says are left alone.

    [dim]medallion blocks apply prod --dry-run[/dim]
    """
    from blocks.environment_files import read_environment  # noqa: PLC0415
    from blocks.settings import settings_as_said  # noqa: PLC0415

    settings_as_said(environment, read_environment(environment))  # before anything starts
    with answering_api():
        from blocks.applying import apply_environment  # noqa: PLC0415

        changes = apply_environment(environment, dry_run=dry_run)
    told = [(change.block, change.status, change.fields) for change in changes]
    tell_changes("block", environment, told, dry_run=dry_run, as_json=as_json)
