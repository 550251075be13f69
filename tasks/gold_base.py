"""What a gold build on top of a release reads of it, for facts that merge what is new into it.

Belongs here: the further inputs and variables of pipelines with internal facts. Does not belong
here: facts that are cut by day and carried over file by file (`gold.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasks.contracts.changes import TableChange
from tasks.contracts.release import Release
from tasks.run_base import Base
from tasks.run_context import RunContext
from tasks.sql_text import select_of


def merging_inputs(
    run: RunContext, base: Base, changes: Mapping[str, TableChange]
) -> tuple[dict[str, list[str]], dict[str, Any]]:
    """Return the views `previous.*` and the variables `as_of` and `base` of a gold build.

    Without internal facts there are none of them. `base` is None when everything is computed.
    """
    if not any(fact.internal for fact in run.spec.gold):
        return {}, {}
    more: dict[str, Any] = {"as_of": run.as_of.isoformat() if run.as_of else None, "base": None}
    release = base.release
    silver = {f"silver.{table.name}": table for table in run.spec.tables}
    if release is None or not reaches_further(run, release):
        return {}, more
    if any(changes[name].whole for name in silver):
        return {}, more
    days = sorted({day for name in silver for day in changes[name].dates})
    selects = {
        f"previous.{name.partition('.')[2]}": [select_of(run.urls(release.tables[name]))]
        for name in (*silver, *(f"gold.{fact.name}" for fact in run.spec.gold))
    }
    return selects, more | {"base": {"dates": [day.isoformat() for day in days]}}


def reaches_further(run: RunContext, release: Release) -> bool:
    """Tell whether the last day that counts is surely not before the release's."""
    if run.as_of is None or release.as_of is None:
        return run.as_of is release.as_of
    return run.as_of >= release.as_of
