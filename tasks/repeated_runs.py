"""Runs that were asked for twice: the second one has nothing to publish.

Belongs here: telling that another run has published the same since this one was asked for. Does
not belong here: publishing (`releases.py`). A run that somebody asks for afterwards does publish,
whatever it repeats.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from blocks.lake import Lake
from tasks.audit import read_record
from tasks.contracts.release import Release
from tasks.releases import Current

_OF_ONE_RUN = {"release", "previous", "run_id", "created_at", "kind", "repeats"}


def was_published_meanwhile(
    lake: Lake, release: Release, before: Release | None, current: Current, asked_at: datetime
) -> bool:
    """Tell whether the current release says the same as `release`, and came after `asked_at`.

    `before` is what the run has built on. A release whose run left no record counts as older.
    """
    if before is None or before.kind != "run" or before.release != current.release:
        return False
    if not says_the_same(release, before):
        return False
    try:
        run = read_record(lake, before.pipeline, before.run_id)
    except FileNotFoundError:
        return False
    return run.started_at + timedelta(seconds=run.seconds) > asked_at


def says_the_same(release: Release, other: Release) -> bool:
    """Tell whether two releases are of the same bronze and rules, and list the same files."""
    return release.model_dump(exclude=_OF_ONE_RUN) == other.model_dump(exclude=_OF_ONE_RUN)
