"""The commands `automations …`: files of automations, saved in the Prefect API.

Belongs here: their options and what they print. Does not belong here: reading, comparing and saving
(`blocks/automations.py`).
"""

from __future__ import annotations

from typing import Annotated

import typer

from cli.options import Json
from cli.saved_changes import answering_api, tell_changes

automations_app = typer.Typer(
    help="Prefect automations of the environments.", no_args_is_help=True, add_completion=False
)


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.add_typer(automations_app, name="automations")


@automations_app.command("apply")
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
    """Save what deployments/automations/ says in the Prefect API, and tell what changed.

    They mark runs of dead workers as crashed, tell people of breached gates, anomalies and
    lateness, and pause deployments. What notifies names a block, which has to be there.

    [dim]medallion automations apply prod --dry-run[/dim]
    """
    from blocks.settings import load_settings  # noqa: PLC0415 - Prefect is slow

    load_settings(environment)  # there is such an environment, before anything starts
    with answering_api():
        from blocks.automations import apply_automations  # noqa: PLC0415
        from tasks.quality_events import resource_prefix  # noqa: PLC0415

        prefix = resource_prefix(environment)
        changes = apply_automations(environment, prefix=prefix, dry_run=dry_run)
    told = [(change.name, change.status, change.fields) for change in changes]
    tell_changes("automation", environment, told, dry_run=dry_run, as_json=as_json)
