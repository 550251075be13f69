"""The commands that need no run: they read a lake, or write a sample.

Belongs here: the order in which help lists them. Does not belong here: the commands themselves.
"""

from __future__ import annotations

import typer

from cli import history, overview, pipeline_status, quarantining, querying, sampling


def register(app: typer.Typer) -> None:
    """Add status, tables, report, releases, rollback, query, quarantine and sample to `app`."""
    for group in (pipeline_status, overview, history, querying, quarantining, sampling):
        group.register(app)
