"""Clearing a lake up: what it holds of a pipeline, and deleting what may go.

Belongs here: listing and deleting. Does not belong here: what may go, and why (`retention.py`).
"""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from blocks.lake import LAYER_ROOTS, Lake
from blocks.store import Entry
from tasks.bronze_retention import (
    clear_bronze,
    expire_batch,
    list_batches,
    list_bronze,
    list_versions,
)
from tasks.contracts.errors import PublishConflictError
from tasks.contracts.manifest import MANIFEST_NAME
from tasks.contracts.release import Release
from tasks.contracts.spec import Spec
from tasks.dimensions import read_pointer, read_snapshot
from tasks.holdings import Holdings, Removal, RunFolder, Snapshot, StoredObject, Sweep
from tasks.releases import draft_key, list_releases, read_current
from tasks.retention import what_goes

ATTEMPTS = 3
_DRAFT = re.compile(r"\..+\.[0-9a-f]{8}\.(tmp|part)")  # a store's unfinished write or copy
_LANDING = ".landing-"
_LISTED_LAYERS = ("silver", "gold")
_DOCUMENTS = ("release", "document", "result")  # they go before the files that they list


def look(lake: Lake, spec: Spec, *, now: datetime, grace: timedelta) -> Sweep:
    """Return what would go at `now`; raises ReleaseError if a release cannot be read."""
    return what_goes(take_stock(lake, spec), spec.retention, now=now, grace=grace)


def clear_up(
    lake: Lake,
    spec: Spec,
    *,
    now: datetime,
    grace: timedelta,
    forget: Callable[[Collection[int]], None] | None = None,
) -> Sweep:
    """Delete what may go at `now`, and return it.

    Before files go, `forget` is told which releases stay: what else lists files must list no others
    then, and if it raises no file goes.

    Where there are locks nobody publishes meanwhile. Elsewhere the release documents go first, and
    whoever has published since makes all of it be looked at again. Raises PublishConflictError if
    that happens time and again; nothing that a retained release lists is deleted then either.
    """
    gone: list[Removal] = []
    published = read_current(lake, spec.pipeline).pointer is not None
    key = lake.pointer_key(spec.pipeline)
    with lake.control.exclusive(key) if published else contextlib.nullcontext():
        for _ in range(ATTEMPTS):
            seen = read_current(lake, spec.pipeline).version
            sweep = look(lake, spec, now=now, grace=grace)
            documents = [r for r in sweep.removals if r.kind in _DOCUMENTS]
            _delete(lake, spec, documents)
            gone += documents
            if read_current(lake, spec.pipeline).version == seen:
                rest = [r for r in sweep.removals if r not in documents]
                if forget is not None and published:
                    forget(sweep.retained)
                _delete(lake, spec, rest)
                return Sweep((*gone, *rest), sweep.retained)
    raise PublishConflictError(
        f"{spec.pipeline}: releases were published all the time; clear up again when it is quiet"
    )


def take_stock(lake: Lake, spec: Spec) -> Holdings:
    """List what the lake holds of a pipeline beside its landed bronze, records and reports."""
    pipeline = spec.pipeline
    pointer = read_current(lake, pipeline).pointer
    releases = list_releases(lake, pipeline)
    prefix = lake.release_key(pipeline, 0).rpartition("/")[0] + "/"
    found = {entry.key: _stored(lake, "control", entry) for entry in lake.control.entries(prefix)}
    places = [lake.release_key(pipeline, release.release) for release in releases]
    named = draft_key(lake, pointer) if pointer is not None else ""
    snapshot_prefix = f"{lake.dimension_prefix(pipeline)}/"
    in_dims = [_stored(lake, "silver", entry) for entry in lake.silver.entries(snapshot_prefix)]
    snapshots = tuple(_snapshots(lake, spec, in_dims))
    return Holdings(
        current=pointer.release if pointer is not None else None,
        releases=tuple(releases),
        # The current document may lie as a draft until the next publisher; it never goes.
        release_objects=tuple(found.get(key) or found[named] for key in places),
        listed=tuple(frozenset(_urls(lake, release)) for release in releases),
        documents=tuple(item for key, item in found.items() if key not in places and key != named),
        results=tuple(_results(lake, pipeline)),
        runs=tuple(_runs(lake, pipeline)),
        snapshots=snapshots,
        snapshot_files=tuple(item for item in in_dims if item.key.endswith(".parquet")),
        pointed=frozenset(read_pointer(lake, pipeline).snapshots.items()),
        leftovers=tuple(_leftovers(lake, spec)),
        bronze=tuple(list_bronze(lake, spec)),
        batches=tuple(list_batches(lake, spec)),
        versions=tuple(list_versions(lake, spec)),
    )


def _stored(lake: Lake, layer: str, entry: Entry) -> StoredObject:
    store = lake.control if layer == "control" else lake.store_of(layer)
    return StoredObject(layer, entry.key, store.url(entry.key), entry.bytes, entry.modified_at)


def _urls(lake: Lake, release: Release) -> Iterator[str]:
    for table in release.tables.values():
        for file in table.files:
            yield lake.store_of(file.root).url(file.path)


def _results(lake: Lake, pipeline: str) -> Iterator[StoredObject]:
    prefix = lake.result_key(pipeline, "").rpartition("/")[0] + "/"
    found: dict[str, StoredObject] = {}
    for layer in _LISTED_LAYERS:
        for entry in lake.store_of(layer).entries(prefix):
            item = _stored(lake, layer, entry)
            found[item.url] = item
    yield from found.values()


def _runs(lake: Lake, pipeline: str) -> Iterator[RunFolder]:
    prefix = lake.run_prefix(pipeline, "")
    objects: dict[str, dict[str, StoredObject]] = {}
    touched: dict[str, datetime] = {}
    for layer in _LISTED_LAYERS:
        for entry in lake.store_of(layer).entries(prefix):
            run_id = entry.key.removeprefix(prefix).partition("/")[0]
            item = _stored(lake, layer, entry)
            objects.setdefault(run_id, {})[item.url] = item
            touched[run_id] = max(touched.get(run_id, item.modified_at), item.modified_at)
        folder = lake.store_of(layer).local_path(prefix.rstrip("/"))
        for run in _folders(folder):
            objects.setdefault(run.name, {})
            latest = max(_touched(run), touched.get(run.name, _touched(run)))
            touched[run.name] = latest
    for run_id in sorted(objects):
        yield RunFolder(run_id, touched[run_id], tuple(objects[run_id].values()))


def _snapshots(lake: Lake, spec: Spec, found: Iterable[StoredObject]) -> Iterator[Snapshot]:
    declared = {dimension.name for dimension in spec.dimensions}
    for item in found:
        if not item.key.endswith(f"/{MANIFEST_NAME}"):
            continue
        dimension, partition = item.key.split("/")[-3:-1]
        day = datetime.strptime(partition.partition("=")[2], "%Y-%m-%d").replace(tzinfo=UTC).date()
        manifest = read_snapshot(lake, spec.pipeline, dimension, day)
        if manifest is not None and dimension in declared:
            store = lake.silver
            files = frozenset(store.url(file.path) for file in manifest.table.files)
            yield Snapshot(dimension, day, item, files)


def _leftovers(lake: Lake, spec: Spec) -> Iterator[tuple[str, tuple[StoredObject, ...]]]:
    """Find what writers of local folders have left unfinished; other stores show no such thing."""
    layers = ("control", *(n for n in LAYER_ROOTS if n != "bronze" or not lake.foreign_bronze))
    for layer in layers:
        store = lake.control if layer == "control" else lake.store_of(layer)
        root, home = store.local_path(""), store.local_path(spec.pipeline)
        if root is None or home is None or not home.is_dir():
            continue
        for path in sorted(home.rglob(".*")):
            landing = path.is_dir() and path.name.startswith(_LANDING)
            if not landing and not _DRAFT.fullmatch(path.name):
                continue
            if f"{spec.pipeline}/runs/" in path.relative_to(root).as_posix():
                continue  # it goes with its run
            key = path.relative_to(root).as_posix()
            item = StoredObject(layer, key, str(path), _size(path), _touched(path))
            yield key, (item,)


def _delete(lake: Lake, spec: Spec, removals: Iterable[Removal]) -> None:
    every = list(removals)
    old = [(removal.name, removal.version) for removal in every if removal.kind == "version"]
    lake.bronze.delete_versions(old)
    for removal in every:
        if removal.kind == "version":
            continue
        if removal.kind == "expiry":
            expire_batch(lake, spec, removal.name)
        if removal.kind == "bronze":
            clear_bronze(lake, removal.name)
        for layer in ("control", *LAYER_ROOTS):
            store = lake.control if layer == "control" else lake.store_of(layer)
            keys = [item.key for item in removal.objects if item.layer == layer]
            if removal.kind == "leftover":
                for key in keys:
                    _remove(store.local_path(key))
                continue
            store.delete(keys)
        if removal.kind == "run" and removal.whole:
            for layer in _LISTED_LAYERS:
                prefix = lake.run_prefix(spec.pipeline, removal.name)
                _remove(lake.store_of(layer).local_path(prefix))
        elif removal.kind == "run":
            for item in removal.objects:
                _prune(lake.store_of(item.layer).local_path(item.key))


def _remove(path: Path | None) -> None:
    if path is not None and path.is_dir():
        shutil.rmtree(path)
    elif path is not None:
        path.unlink(missing_ok=True)


def _prune(path: Path | None) -> None:
    """Remove the folder of a deleted file if nothing else is in it."""
    if path is not None and path.parent.is_dir() and not any(path.parent.iterdir()):
        path.parent.rmdir()


def _folders(parent: Path | None) -> list[Path]:
    return [p for p in parent.iterdir() if p.is_dir()] if parent and parent.is_dir() else []


def _inside(path: Path) -> list[Path]:
    return [path, *path.rglob("*")] if path.is_dir() else [path]


def _touched(path: Path) -> datetime:
    """The last change of anything at or below `path`; what vanishes meanwhile does not count."""
    latest = 0.0
    for each in _inside(path):
        try:
            latest = max(latest, each.lstat().st_mtime)
        except FileNotFoundError:
            continue
    return datetime.fromtimestamp(latest, UTC)


def _size(path: Path) -> int:
    return sum(each.lstat().st_size for each in _inside(path) if each.is_file())
