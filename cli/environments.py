"""The commands `blocks …`: an environment's file, saved as Prefect blocks.

Belongs here: their options and what they print. Does not belong here: making and comparing blocks
(`blocks/applying.py`).
"""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from cli.options import Json
from cli.output import console, plain_table, print_json
from tasks.contracts.errors import ConfigurationError

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
    from cli.prefect_api import PrefectApi  # noqa: PLC0415

    settings_as_said(environment, read_environment(environment))  # before anything starts
    api = PrefectApi()
    api.start()
    with api.ready():
        from prefect.exceptions import PrefectHTTPStatusError  # noqa: PLC0415 - Prefect is slow

        from blocks.applying import apply_environment  # noqa: PLC0415

        try:
            changes = apply_environment(environment, dry_run=dry_run)
        except PrefectHTTPStatusError as error:
            answer = f"{error.response.status_code} {error.response.reason_phrase}"
            # Its text tells of the request, and with it perhaps of a block's content.
            raise ConfigurationError(f"the Prefect API refused this: {answer}") from None
    if as_json:
        listed = [{"block": c.block, "status": c.status, "fields": c.fields} for c in changes]
        print_json({"environment": environment, "dry_run": dry_run, "blocks": listed})
        return
    table = plain_table("block", "would be" if dry_run else "is", "fields", wrapped=("fields",))
    for change in changes:
        fields = change.fields if change.status == "changed" else ()
        table.add_row(Text(change.block), change.status, Text(", ".join(fields)))
    console().print(table)
