"""Landed bronze that may be cleared away: listing it, and saying so where it is listed.

Belongs here: files of JSON records, whose rows silver keeps for runs to come. Does not belong here:
which of them go (`retention.py`), or deleting them (`maintenance.py`).

Files of other tables stay: views and Iceberg tables read them, and so does a run that computes
everything anew. A manifest says that a file is cleared before it is deleted; its name stays listed,
so that runs know what the release before was made of.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import ValidationError

from blocks.lake import Lake
from tasks.bronze_manifests import replace_in_manifest
from tasks.contracts.errors import ReleaseError
from tasks.contracts.manifest import MANIFEST_NAME, Manifest, ManifestFile
from tasks.contracts.spec import Spec
from tasks.retention import BronzeFile, StoredObject


def list_bronze(lake: Lake, spec: Spec) -> Iterator[BronzeFile]:
    """Yield the files of the lake's own bronze that may ever be cleared.

    Raises ReleaseError for a manifest that cannot be read: nobody knows what it lists.
    """
    if lake.foreign_bronze or spec.retention.bronze_days is None:
        return
    for table in spec.tables:
        if table.feed is None:
            continue
        prefix = f"{lake.bronze_prefix(spec.pipeline)}{table.bronze_name}/"
        entries = {entry.key: entry for entry in lake.bronze.entries(prefix)}
        for key in [key for key in entries if key.endswith(f"/{MANIFEST_NAME}")]:
            folder = key.rpartition("/")[0]
            for listed in _manifest(lake, key).files:
                there = entries.get(f"{folder}/{listed.path}")
                if there is None or listed.batch_id is None or listed.sha256 is None:
                    continue
                url, moment = lake.bronze.url(there.key), there.modified_at
                stored = StoredObject("bronze", there.key, url, there.bytes, moment)
                identity = f"{there.key}|{listed.rows}|{there.bytes}|{listed.sha256}"
                yield BronzeFile(table.name, identity, key, listed.path, stored, listed.cleared)


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


def _manifest(lake: Lake, key: str) -> Manifest:
    try:
        return Manifest.model_validate_json(lake.bronze.read(key))
    except ValidationError as error:
        raise ReleaseError(
            f"{lake.bronze.url(key)}: is no manifest; restore the file, nothing was cleared"
        ) from error
