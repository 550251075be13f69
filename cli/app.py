"""The command line `medallion`.

Belongs here: the application, its commands' registration, and how errors reach the user. Does not
belong here: what a command does (`running.py`, `watching.py`, `reading.py` ...).
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
from collections.abc import Sequence
from importlib import import_module

import typer

from tasks.contracts.errors import MedallionError
from tasks.quick_imports import no_garbage

_HELP = "Run a medallion lakehouse: bronze, dimensions, silver, enrichment, gold, one publish."
_MODULES = (
    "running",
    "planning",
    "compiling",
    "backfilling",
    "watching",
    "maintaining",
    "syncing",
    "subjects",
    "documenting",
    "reading",
    "environments",
    "automating",
)
# To import what the others need takes longer than these take.
_QUICK = {"daily": ("fleet",)}


def application(modules: Sequence[str] = _MODULES) -> typer.Typer:
    """Return the application with the commands of these modules."""
    made = typer.Typer(
        name="medallion",
        help=_HELP,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
    )
    with no_garbage():
        for module in modules:
            import_module(f"cli.{module}").register(made)
    return made


def __getattr__(name: str) -> typer.Typer:
    """Make `app`, which has all commands, when somebody asks for it."""
    if name == "app":
        return application()
    raise AttributeError(name)


def main() -> None:
    """Run the command line; its exit status is 0, 1 for a failed run, 2 for a wrong call."""
    told: list[int] = []
    atexit.register(_end_at_once, told)  # the first, so that it is called last
    try:
        _run()
    except SystemExit as ending:
        if ending.code is None or isinstance(ending.code, int):
            told.append(ending.code or 0)
        raise


def _end_at_once(told: list[int]) -> None:
    """Leave out the last that Python does: half a second of freeing modules object by object."""
    with contextlib.suppress(OSError, ValueError):  # a reader that went away is Python's to tell of
        sys.stdout.flush()
        sys.stderr.flush()
        for status in told:
            os._exit(status)


def _run() -> None:
    try:
        application(_QUICK.get("".join(sys.argv[1:2]), _MODULES))()
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
