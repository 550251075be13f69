"""Whether readers see all that has landed in bronze.

Belongs here: comparing bronze with the releases that were made of it. Does not belong here: making
a run see the rest (`flows/`).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from blocks.lake import Lake
from tasks.bronze_inventory import is_visible, take_inventory
from tasks.contracts.errors import ReleaseError
from tasks.contracts.release import Release
from tasks.contracts.spec import Spec
from tasks.feed_appending import has_open_log
from tasks.landing import LandedBatch
from tasks.mirror import passing_mirror
from tasks.releases import read_current, read_release


def unpublished_tables(
    lake: Lake, spec: Spec, run_date: date, *, threads: int = 2
) -> tuple[str, ...]:
    """Return the tables with bronze that a run of `run_date` would see and no release has seen.

    A release that a rollback withdrew has seen its bronze too: what was withdrawn stays so until
    something new arrives. A release that does not say what it was made of has seen nothing.
    """
    seen = _seen(lake, spec.pipeline)
    found = []
    with passing_mirror(lake) as mirror:
        for table in spec.tables:
            known = seen.get(table.name, frozenset())
            now = take_inventory(
                lake, spec, table, run_date, threads=threads, known=known, mirror=mirror
            )
            appended = table.feed is not None and has_open_log(
                lake.bronze, lake.bronze_prefix(spec.pipeline), table
            )
            if appended or now.without(known).files:
                found.append(table.name)
    return tuple(found)


def brings_rows(spec: Spec, batches: Iterable[LandedBatch], run_date: date) -> bool:
    """Tell whether a batch that has just landed put something where a run of `run_date` looks."""
    tables = {table.bronze_name: table for table in spec.tables}
    return any(
        is_visible(tables[batch.table], partition, run_date)
        for batch in batches
        if not batch.already_landed
        for partition in batch.partitions
    )


def _seen(lake: Lake, pipeline: str) -> dict[str, frozenset[str]]:
    if read_current(lake, pipeline).release is None:
        return {}
    release = read_release(lake, pipeline)
    seen = _identities(release)
    while release.kind == "rollback" and release.previous is not None:
        try:
            release = read_release(lake, pipeline, release.previous)
        except ReleaseError:  # it was cleared away: nothing older is needed
            break
        for table, identities in _identities(release).items():
            seen[table] = seen.get(table, frozenset()) | identities
    return seen


def _identities(release: Release) -> dict[str, frozenset[str]]:
    return {table: frozenset(identities) for table, identities in release.bronze.items()}
