"""Letting the Iceberg tables of a pipeline forget the releases that are not retained.

Belongs here: expiring tags and snapshots before the files that they list are deleted, and deleting
metadata that nothing needs any more. Does not belong here: which releases are retained
(`retention.py`).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING

from blocks.lake import Lake
from blocks.settings import Settings
from tasks.iceberg_sync import again, open_tables, sync, table_location

if TYPE_CHECKING:
    from blocks.iceberg.tables import IcebergTables


def expire(
    lake: Lake, settings: Settings, pipeline: str, retained: Collection[int], *, edge: datetime
) -> None:
    """Make the tables list nothing but the files of `retained` releases.

    First they are brought to the current release, so that they list nothing else beside. Metadata
    that was last changed before `edge` goes where no table can need it. Raises CatalogError when
    the catalog does not do as it is asked: then it may still list what is about to be deleted.
    """
    sync(lake, settings, pipeline)
    with open_tables(lake, settings, pipeline) as tables:
        for namespace, name in tables.names():
            if not again(lambda: _forget(tables, lake, pipeline, namespace, name, retained)):  # noqa: B023
                _sweep(lake, lake.iceberg_prefix(pipeline, namespace, name), frozenset(), None)
                continue
            place = table_location(lake, pipeline, namespace, name)
            loaded = tables.load(namespace, name, place)
            if loaded is not None:
                prefix = lake.iceberg_prefix(pipeline, namespace, name)
                needed = tables.metadata_files(loaded)
                kept = frozenset(_key(location, place, prefix) for location in needed)
                _sweep(lake, prefix, kept, edge)


def begin_anew(lake: Lake, settings: Settings, pipeline: str, affected: Collection[str]) -> None:
    """Make the tables `affected` (`silver.orders`) anew, with no history, at the current release.

    Manifests hold the least and the greatest values of files, also of those that have left a table:
    only a table that never listed a file tells nothing of it. Raises CatalogError; what is not
    there by then is made by the next call, or the next sync.
    """
    with open_tables(lake, settings, pipeline) as tables:
        for namespace, name in tables.names():
            base = name.removesuffix("__typed").removesuffix("__text")
            if f"{namespace}.{base}" in affected:
                tables.drop(namespace, name)
    for name in affected:
        namespace, _, table = name.partition(".")
        for each in (table, f"{table}__typed", f"{table}__text"):
            _sweep(lake, lake.iceberg_prefix(pipeline, namespace, each), frozenset(), None)
    sync(lake, settings, pipeline)


def _forget(
    tables: IcebergTables,
    lake: Lake,
    pipeline: str,
    namespace: str,
    name: str,
    retained: Collection[int],
) -> bool:
    """Expire what is not retained of a table; False if nothing of it is, and it is gone."""
    loaded = tables.load(namespace, name, table_location(lake, pipeline, namespace, name))
    if loaded is None:
        return False
    if not loaded.state.tags.keys() & set(retained):
        tables.drop(namespace, name)
        return False
    tables.expire(loaded, retained)
    return True


def _sweep(lake: Lake, prefix: str, kept: Collection[str], edge: datetime | None) -> None:
    going = [
        entry.key
        for entry in lake.control.entries(f"{prefix}/metadata/")
        if entry.key not in kept and (edge is None or entry.modified_at < edge)
    ]
    if going:
        lake.control.delete(going)


def _key(location: str, place: str, prefix: str) -> str:
    """The key of a location below `place`, however the catalog writes it."""
    path = place.removeprefix("file://")
    return f"{prefix}{location.partition(path)[2]}"
