"""What flow runs are called in Prefect.

Belongs here: a name out of a run's parameters. Does not belong here: names of task runs, which say
their table in a template of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import PurePath
from typing import Any

from prefect.runtime import flow_run

DAYS = ("run_date", "landed_on")


def run_name(template: str) -> Callable[[], str]:
    """Return what Prefect asks for the name of a flow run, by a template of parameters."""

    def named() -> str:
        # As runs do: one that is tried again after midnight is of the same day.
        due = datetime.fromtimestamp(flow_run.get_scheduled_start_time().timestamp(), UTC).date()
        return told(template, flow_run.get_parameters(), today=due)

    return named


def told(template: str, parameters: Mapping[str, Any], *, today: date) -> str:
    """Fill `template`: a day that was not given is `today`, a `source` goes by its last part."""
    shown = {name: "" if value is None else value for name, value in parameters.items()}
    for name in DAYS:
        shown[name] = parameters.get(name) or today
    if "source" in shown:
        shown["source"] = PurePath(str(shown["source"])).name or shown["source"]
    return " ".join(template.format(**shown).split())
