"""Writing bronze: whole files under final names, manifests that only grow, commit records.

Belongs here: the order and atomicity of what is written. Does not belong here: what rows are in
the files (`landing.py`), or reading bronze for a run (`bronze_inventory.py`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import ValidationError

from blocks.store import Store, VersionConflictError
from tasks.contracts.errors import IngestError
from tasks.contracts.manifest import (
    BATCH_FOLDER,
    MANIFEST_NAME,
    SCHEMA_VERSION,
    BatchRecord,
    Manifest,
    ManifestFile,
)
from tasks.source_columns import file_sha256

Change = Callable[[Manifest | None], Manifest | None]
_MAX_CONFLICTS = 100


def record_key(table_prefix: str, batch_id: str) -> str:
    """Return the key of the record that commits a batch."""
    return f"{table_prefix}{BATCH_FOLDER}/{batch_id}.json"


def read_record(store: Store, table_prefix: str, batch_id: str) -> BatchRecord | None:
    """Return the record of a committed batch, or None; raises IngestError if it is broken."""
    key = record_key(table_prefix, batch_id)
    try:
        return BatchRecord.model_validate_json(store.read(key))
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise IngestError(f"{store.url(key)}: is no batch record; restore the file") from error


def write_record(store: Store, table_prefix: str, record: BatchRecord) -> None:
    """Commit a batch. If another writer has committed it meanwhile, that stands."""
    content = record.model_dump_json(indent=2, exclude_none=True) + "\n"
    try:
        key = record_key(table_prefix, record.batch_id)
        store.swap(key, content.encode(), expected=None)
    except VersionConflictError:
        return


def tell_delivered(store: Store, table_prefix: str, batch_id: str, moment: str) -> None:
    """Say in the record of a committed batch that its content came again, once a day.

    What is delivered again and again is not past its time, however long ago it came first. If
    another writer changes the record meanwhile, that stands.
    """
    key = record_key(table_prefix, batch_id)
    _, version = store.read_versioned(key)
    record = read_record(store, table_prefix, batch_id)
    days = len("2024-01-14")
    if record is None or moment[:days] <= (record.delivered_at or record.landed_at)[:days]:
        return
    told = record.model_copy(update={"delivered_at": moment})
    content = told.model_dump_json(indent=2, exclude_none=True) + "\n"
    with suppress(VersionConflictError):
        store.swap(key, content.encode(), expected=version)


def claim_batch(
    store: Store, table_prefix: str, batch_id: str, landed_on: date, moment: str
) -> tuple[date, str]:
    """Return the day and moment under which a batch lands: those of its first attempt.

    Where nobody can be held off, attempts may run side by side; so that they put the same rows in
    the same partitions, the first of them decides. Raises IngestError if its claim is broken.
    """
    key = f"{table_prefix}{BATCH_FOLDER}/{batch_id}.claim"
    content = json.dumps({"landed_on": landed_on.isoformat(), "landed_at": moment}).encode()
    try:
        store.swap(key, content, expected=None)
    except VersionConflictError:
        try:
            claim = json.loads(store.read(key))
            return date.fromisoformat(claim["landed_on"]), str(claim["landed_at"])
        except (ValueError, TypeError, KeyError) as error:
            raise IngestError(f"{store.url(key)}: is no claim of a batch; delete it") from error
    return landed_on, moment


@contextmanager
def staging(store: Store, table_prefix: str) -> Iterator[Path]:
    """Give a folder for unfinished files, on the disk of the lake where that is a local one."""
    table = store.local_path(table_prefix.rstrip("/"))
    if table is None:
        with TemporaryDirectory(prefix="landing-") as folder:
            yield Path(folder)
        return
    table.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".landing-", dir=table) as folder:
        yield Path(folder)


def place_file(store: Store, staged: Path, key: str) -> None:
    """Give the finished file `staged` its final name: no reader ever sees a part of it."""
    target = store.local_path(key)
    if target is None:
        store.upload(staged, key)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    _sync(staged)
    staged.replace(target)
    _sync(target.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def manifest_entry(staged: Path, name: str, rows: int, batch_id: str) -> ManifestFile:
    """Describe the finished file `staged` as `name` in its partition's folder."""
    return ManifestFile(
        path=name,
        rows=rows,
        sha256=file_sha256(staged),
        bytes=staged.stat().st_size,
        batch_id=batch_id,
    )


def add_to_manifest(
    store: Store,
    table_prefix: str,
    partition: str,
    files: Sequence[ManifestFile],
    *,
    columns: Mapping[str, str],
    created_at: str,
) -> None:
    """List `files`, all of one batch, in the manifest of the folder `partition`.

    Entries of other batches stay, and so do those of a batch that expired and comes again; those
    that an attempt at the same batch has left, which did not come to its end, are replaced. Raises
    IngestError if the present manifest cannot be read.
    """
    table = table_prefix.rstrip("/").rpartition("/")[2]
    batch_id = files[0].batch_id

    def change(present: Manifest | None) -> Manifest:
        listed = present.files if present else ()
        others = [f for f in listed if f.batch_id != batch_id or f.expired]
        merged = tuple(sorted([*others, *files], key=lambda file: file.path))
        known = (present.columns if present else None) or {}
        return Manifest(
            schema_version=SCHEMA_VERSION,
            table=table,
            batch_id=batch_id,
            partition=partition,
            files=merged,
            total_rows=sum(file.rows for file in merged),
            created_at=created_at,
            columns=_united(known, columns),
        )

    _change_manifest(store, f"{table_prefix}{partition}/{MANIFEST_NAME}", change)


def drop_from_manifest(store: Store, table_prefix: str, partition: str, batch_id: str) -> None:
    """Take the files of an uncommitted batch out of the manifest of the folder `partition`."""

    def change(present: Manifest | None) -> Manifest | None:
        if present is None:
            return None
        kept = tuple(f for f in present.files if f.batch_id != batch_id or f.expired)
        rows = sum(file.rows for file in kept)
        return present.model_copy(update={"files": kept, "total_rows": rows})

    _change_manifest(store, f"{table_prefix}{partition}/{MANIFEST_NAME}", change)


def expired_before(
    store: Store, table_prefix: str, partitions: Iterable[str], batch_id: str
) -> bool:
    """Tell whether files of a batch in `partitions` have expired: releases may still list them."""
    for partition in partitions:
        key = f"{table_prefix}{partition}/{MANIFEST_NAME}"
        manifest = _parsed(store, key, store.read_versioned(key)[0])
        files = manifest.files if manifest is not None else ()
        if any(file.expired for file in files if file.batch_id == batch_id):
            return True
    return False


def replace_in_manifest(store: Store, key: str, new: Mapping[str, ManifestFile]) -> None:
    """List other files in the manifest at `key`: `new` are {path as listed: the file instead}."""

    def change(present: Manifest | None) -> Manifest | None:
        if present is None:
            return None
        files = tuple(new.get(file.path, file) for file in present.files)
        return present.model_copy(update={"files": files})

    _change_manifest(store, key, change)


def _change_manifest(store: Store, key: str, change: Change) -> None:
    """Replace a manifest by what `change` makes of it, against any number of other writers."""
    for _ in range(_MAX_CONFLICTS):
        with store.exclusive(key):  # spares conflicts where there are locks; swap decides
            content, version = store.read_versioned(key)
            present = _parsed(store, key, content)
            wanted = change(present)
            if wanted is None or (present is not None and wanted.files == present.files):
                return
            text = wanted.model_dump_json(exclude_none=True, indent=2) + "\n"
            try:
                store.swap(key, text.encode(), expected=version)
            except VersionConflictError:
                continue
            return
    raise OSError(f"{store.url(key)}: {_MAX_CONFLICTS} times changed by others meanwhile")


def _parsed(store: Store, key: str, content: bytes | None) -> Manifest | None:
    if content is None:
        return None
    try:
        return Manifest.model_validate_json(content)
    except ValidationError as error:
        raise IngestError(f"{store.url(key)}: is no manifest; restore the file") from error


def _united(known: Mapping[str, str], added: Mapping[str, str]) -> dict[str, str]:
    """All columns; one that has several types in the partition's files names each of them."""
    united = dict(known)
    for name, kind in added.items():
        kinds = {*united.get(name, kind).split(" | "), kind}
        united[name] = " | ".join(sorted(kinds))
    return united
