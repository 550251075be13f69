"""The command line `medallion`.

Belongs here: the application, its commands' registration, and how errors reach the user. Does not
belong here: what a command does (`running.py`, `watching.py`, `reading.py` ...).
"""

from __future__ import annotations

import sys

import typer

from cli import (
    automating,
    backfilling,
    compiling,
    documenting,
    environments,
    maintaining,
    planning,
    reading,
    running,
    subjects,
    syncing,
    watching,
)
from tasks.contracts.errors import MedallionError

app = typer.Typer(
    name="medallion",
    help="Run a medallion lakehouse: bronze, dimensions, silver, enrichment, gold, one publish.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
running.register(app)
planning.register(app)
compiling.register(app)
backfilling.register(app)
watching.register(app)
maintaining.register(app)
syncing.register(app)
subjects.register(app)
documenting.register(app)
reading.register(app)
environments.register(app)
automating.register(app)


def main() -> None:
    """Run the command line; its exit status is 0, 1 for a failed run, 2 for a wrong call."""
    try:
        app()
    except MedallionError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(error.exit_status)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; nothing was published\n")
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(0)


if __name__ == "__main__":
    main()
