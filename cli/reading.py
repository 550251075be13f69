"""The commands that need no run: they read a lake, or write a sample.

Belongs here: the order in which help lists them. Does not belong here: the commands themselves.
"""

from __future__ import annotations

import typer

from cli import fleet, history, overview, pipeline_status, quarantining, querying, sampling


def register(app: typer.Typer) -> None:
    """Add all of them to `app`: what a lake holds, its history, samples, and a fleet's figures."""
    for group in (pipeline_status, overview, history, querying, quarantining, sampling, fleet):
        group.register(app)
