"""What the commands have in common: the pipeline, and the options that say where its lake is.

Belongs here: arguments and options of several commands, and what they are turned into. Does not
belong here: options of one command, and reading anything from the lake.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from blocks.lake import Lake
from blocks.settings import Settings, load_settings

Pipeline = Annotated[
    str, typer.Argument(metavar="PIPELINE", help="Name of a pipeline, such as ecommerce.")
]
Env = Annotated[
    str | None,
    typer.Option("--env", metavar="NAME", help="Environment; else $MEDALLION_ENV, else local."),
]
LakeRoot = Annotated[
    Path | None,
    typer.Option(
        "--lake", metavar="PATH", help="Folder or bucket URL of the lake, whatever the environment."
    ),
]
Bronze = Annotated[
    Path | None,
    typer.Option(
        "--bronze",
        metavar="PATH",
        help="Folder or bucket URL of bronze that others wrote, read in place.",
    ),
]
Gates = Annotated[
    Literal["warn", "strict"] | None,
    typer.Option("--gates", help="Report a breached threshold, or stop the run at it."),
]
RunDate = Annotated[
    datetime | None,
    typer.Option(
        "--run-date",
        metavar="DATE",
        formats=["%Y-%m-%d"],
        help="The day that the run takes for today, such as 2024-01-14.",
    ),
]
FullRefresh = Annotated[
    bool, typer.Option("--full-refresh", help="Compute everything, whatever is there already.")
]
MemoryLimit = Annotated[
    str | None,
    typer.Option(
        "--memory-limit",
        metavar="SIZE",
        help="What DuckDB may use before it spills, such as 2GB.",
    ),
]
ReleaseNumber = Annotated[
    int | None,
    typer.Option("--release", metavar="N", min=1, help="A release; else the current one."),
]
Json = Annotated[
    bool, typer.Option("--json", help="One JSON document on stdout; all else on stderr.")
]


def environment_lake(environment: str | None, lake: Path | None) -> tuple[Settings, Lake]:
    """Return the settings of an environment and its lake, or the one in folder `lake`.

    Raises ConfigurationError.
    """
    settings = load_settings(environment, lake_root=lake)
    return settings, settings.lake()
