"""Landed bronze that may be cleared away: listing it, and saying so where it is listed.

Belongs here: files of JSON records, whose rows silver keeps for runs to come, batches of tables
that every run reads whole, and old versions in buckets. Does not belong here: which of them go
(`retention.py`), or deleting them (`maintenance.py`).

Files of other tables stay: Iceberg tables read them, and so does a run that computes everything
anew. A manifest says that a file is cleared, or its batch expired, before it is deleted; its name
stays listed, so that runs know what the release before was made of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from pydantic import ValidationError

from blocks.lake import Lake
from blocks.store import Entry
from tasks.bronze_manifests import read_record, record_key, replace_in_manifest
from tasks.contracts.errors import ReleaseError
from tasks.contracts.manifest import CORRECTION_PREFIX, MANIFEST_NAME, Manifest, ManifestFile
from tasks.contracts.spec import Spec
from tasks.holdings import BronzeFile, LandedBatch, OldVersion, StoredObject


def list_bronze(lake: Lake, spec: Spec) -> Iterator[BronzeFile]:
    """Yield the files of the lake's own bronze that may ever be cleared.

    Raises ReleaseError for a manifest that cannot be read: nobody knows what it lists.
    """
    if lake.foreign_bronze or spec.retention.bronze_days is None:
        return
    for table in spec.tables:
        if table.feed is None:
            continue
        for key, manifest, entries in _manifests(lake, spec, table.bronze_name):
            folder = key.rpartition("/")[0]
            for listed in manifest.files:
                there = entries.get(f"{folder}/{listed.path}")
                if there is None or listed.batch_id is None or listed.sha256 is None:
                    continue
                identity = f"{there.key}|{listed.rows}|{there.bytes}|{listed.sha256}"
                stored = _stored(lake, there)
                yield BronzeFile(table.name, identity, key, listed.path, stored, listed.cleared)


def list_batches(lake: Lake, spec: Spec) -> Iterator[LandedBatch]:
    """Yield the landed batches of tables of which silver is a view: each run reads all of them.

    What a batch has landed a second time, after it had expired, is listed for itself. Raises
    ReleaseError and IngestError for documents that cannot be read.
    """
    if lake.foreign_bronze or spec.retention.bronze_days is None:
        return
    for table in spec.tables:
        if table.silver_as != "view":
            continue
        prefix = f"{lake.bronze_prefix(spec.pipeline)}{table.bronze_name}/"
        found: dict[tuple[str, bool], list[tuple[str, ManifestFile, StoredObject | None]]] = {}
        since: dict[tuple[str, bool], datetime] = {}
        for key, manifest, entries in _manifests(lake, spec, table.bronze_name):
            for listed in manifest.files:
                if listed.batch_id is None:
                    continue
                there = entries.get(f"{key.rpartition('/')[0]}/{listed.path}")
                stored = _stored(lake, there) if there is not None else None
                batch = (listed.batch_id, listed.expired)
                found.setdefault(batch, []).append((key, listed, stored))
                changed = entries[key].modified_at
                since[batch] = max(since.get(batch, changed), changed)
        for (batch_id, is_expired), listings in found.items():
            delivered_at = None
            if not is_expired or (batch_id, False) not in found:
                record = read_record(lake.bronze, prefix, batch_id)
                moment = (record.delivered_at or record.landed_at) if record else None
                delivered_at = datetime.fromisoformat(moment) if moment else None
            if is_expired and batch_id.startswith(CORRECTION_PREFIX):
                delivered_at = None  # its record is the trail of who corrected what; it stays
            yield LandedBatch(
                name=f"{table.bronze_name}/{batch_id}",
                delivered_at=delivered_at,
                listed_at=since[batch_id, is_expired],
                files=tuple(stored for _, _, stored in listings if stored is not None),
                rows=sum(listed.rows for _, listed, _ in listings),
                is_expired=is_expired,
            )


def list_versions(lake: Lake, spec: Spec) -> Iterator[OldVersion]:
    """Yield the versions of objects of the lake's own bronze that are not current any more."""
    if lake.foreign_bronze or spec.retention.bronze_version_days is None:
        return
    for table in spec.tables:
        prefix = f"{lake.bronze_prefix(spec.pipeline)}{table.bronze_name}/"
        for old in lake.bronze.old_versions(prefix):
            yield OldVersion(_stored(lake, old.entry), old.version, old.replaced_at)


def clear_bronze(lake: Lake, key: str) -> None:
    """Say in its manifest that the file `key` is there no more; it may be deleted then."""
    folder, _, name = key.rpartition("/")
    manifest = f"{folder}/{MANIFEST_NAME}"
    found = {file.path: file for file in _manifest(lake, manifest).files}
    size = lake.bronze.sizes([key])[0]
    cleared: dict[str, ManifestFile] = {
        name: found[name].model_copy(update={"cleared": True, "bytes": size or found[name].bytes})
    }
    replace_in_manifest(lake.bronze, manifest, cleared)


def expire_batch(lake: Lake, spec: Spec, name: str) -> None:
    """Let runs leave out the batch `name`, `<bronze table>/<batch>`, as its manifests say then.

    Its record goes last: from then on the same content lands anew if it is delivered again.
    """
    table, _, batch_id = name.partition("/")
    for key, manifest, _ in _manifests(lake, spec, table):
        own = {file.path: file for file in manifest.files if file.batch_id == batch_id}
        expired = {p: f.model_copy(update={"expired": True}) for p, f in own.items()}
        if expired != own:
            replace_in_manifest(lake.bronze, key, expired)
    if not batch_id.startswith(CORRECTION_PREFIX):
        record = record_key(f"{lake.bronze_prefix(spec.pipeline)}{table}/", batch_id)
        lake.bronze.delete([f"{record.removesuffix('.json')}.claim", record])


def _manifests(
    lake: Lake, spec: Spec, table: str
) -> Iterator[tuple[str, Manifest, Mapping[str, Entry]]]:
    """Yield key and content of each manifest of bronze `table`, and all objects of the table."""
    prefix = f"{lake.bronze_prefix(spec.pipeline)}{table}/"
    entries = {entry.key: entry for entry in lake.bronze.entries(prefix)}
    for key in [key for key in entries if key.endswith(f"/{MANIFEST_NAME}")]:
        yield key, _manifest(lake, key), entries


def _manifest(lake: Lake, key: str) -> Manifest:
    try:
        return Manifest.model_validate_json(lake.bronze.read(key))
    except ValidationError as error:
        raise ReleaseError(
            f"{lake.bronze.url(key)}: is no manifest; restore the file, nothing was cleared"
        ) from error


def _stored(lake: Lake, there: Entry) -> StoredObject:
    return StoredObject(
        "bronze", there.key, lake.bronze.url(there.key), there.bytes, there.modified_at
    )
