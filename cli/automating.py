"""The commands `automations …`: files of automations, saved in the Prefect API.

Belongs here: their options and what they print. Does not belong here: reading, comparing and saving
(`blocks/automations.py`).
"""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from cli.options import Json
from cli.output import console, plain_table, print_json
from tasks.contracts.errors import ConfigurationError

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
    from blocks.environment_files import read_environment  # noqa: PLC0415
    from cli.prefect_api import PrefectApi  # noqa: PLC0415

    read_environment(environment)  # before anything starts
    api = PrefectApi()
    api.start()
    with api.ready():
        from prefect.exceptions import PrefectHTTPStatusError  # noqa: PLC0415 - Prefect is slow

        from blocks.automations import apply_automations  # noqa: PLC0415
        from tasks.quality_events import resource_prefix  # noqa: PLC0415

        try:
            prefix = resource_prefix(environment)
            changes = apply_automations(environment, prefix=prefix, dry_run=dry_run)
        except PrefectHTTPStatusError as error:
            answer = f"{error.response.status_code} {error.response.reason_phrase}"
            raise ConfigurationError(f"the Prefect API refused this: {answer}") from None
    if as_json:
        listed = [{"automation": c.name, "status": c.status, "fields": c.fields} for c in changes]
        print_json({"environment": environment, "dry_run": dry_run, "automations": listed})
        return
    table = plain_table(
        "automation", "would be" if dry_run else "is", "fields", wrapped=("fields",)
    )
    for change in changes:
        fields = change.fields if change.status == "changed" else ()
        table.add_row(Text(change.name), change.status, Text(", ".join(fields)))
    console().print(table)
