"""Finding a person in a lake: in every file of every layer, whichever release lists it.

Belongs here: listing files, reading them piece by piece, and counting the rows that tell of the
person. Does not belong here: which rows do (`subject_rows.py`), or writing (`erasing.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from blocks.lake import Lake
from tasks.bronze_inventory import resolve_listed
from tasks.contracts.erasure import Layer, Place
from tasks.contracts.errors import ConfigurationError, ReleaseError
from tasks.contracts.manifest import MANIFEST_NAME, Manifest, ManifestFile
from tasks.contracts.release import Release
from tasks.contracts.spec import Spec
from tasks.dimensions import SnapshotManifest
from tasks.mirror import Mirror
from tasks.releases import list_releases
from tasks.subject_rows import (
    personal_values,
    shared_values,
    text_without_person,
    without_person,
)
from tasks.subjects import Subject

_LAYERS: tuple[Layer, ...] = ("bronze", "silver", "gold")


@dataclass(frozen=True)
class ManifestEntry:
    """A file of bronze as the manifest at `key` lists it."""

    key: str
    entry: ManifestFile


@dataclass(frozen=True)
class LakeFiles:
    """The files of a pipeline, and who lists them.

    `tables` names the table of each, where anybody lists it; `current` are those of the current
    release. Unlisted files were left by runs that did not come to their end.
    """

    files: tuple[tuple[Layer, str], ...]
    tables: Mapping[Place, str]
    current: frozenset[Place]
    releases: tuple[Release, ...]
    bronze: Mapping[str, ManifestEntry] = field(default_factory=dict)
    snapshots: Mapping[str, SnapshotManifest] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """How many rows of a file tell of the person."""

    layer: Layer
    key: str
    table: str | None
    rows: int
    is_current: bool


def list_files(lake: Lake, spec: Spec) -> LakeFiles:
    """List all files with rows of a pipeline; raises ReleaseError where a document is broken."""
    pipeline = spec.pipeline
    files: dict[str, tuple[Layer, str]] = {}
    for layer in _LAYERS:
        store = lake.store_of(layer)
        for key in store.list(f"{pipeline}/"):
            if key.endswith((".parquet", ".jsonl")):
                if store.url(key) in files:
                    raise ConfigurationError(
                        f"{store.url('')}: is the root of {layer} and of another layer; a person's "
                        "rows are found where each layer has a root of its own"
                    )
                files[store.url(key)] = (layer, key)
    tables: dict[Place, str] = {}
    bronze = _bronze_entries(lake, spec)
    names = {table.bronze_name for table in spec.tables}
    for key in bronze:
        table = next((part for part in key.split("/") if part in names), "unknown")
        tables["bronze", key] = f"bronze.{table}"
    snapshots = _snapshots(lake, pipeline)
    for snapshot in snapshots.values():
        for file in snapshot.table.files:
            tables[file.root, file.path] = f"dims.{snapshot.dimension}"
    releases = tuple(list_releases(lake, pipeline))
    for release in releases:
        for name, published in release.tables.items():
            for file in published.files:
                if not name.startswith("bronze."):
                    tables[file.root, file.path] = name
    current = frozenset(
        (file.root, file.path)
        for table in (releases[-1].tables.values() if releases else ())
        for file in table.files
    )
    found = tuple(sorted(files.values()))
    return LakeFiles(found, tables, current, releases, bronze, snapshots)


def know_person(mirror: Mirror, listed: LakeFiles, subject: Subject) -> Subject:
    """Return the person with the values that their own rows hold, anywhere in the lake."""
    values: dict[str, str] = {}
    for part in _parts(mirror, listed, subject):
        values |= personal_values(part, subject)
    knowing = subject.knowing(values)
    if not values:
        return knowing
    shared: set[str] = set()
    for part in _parts(mirror, listed, subject):
        shared |= shared_values(part, knowing)
    return knowing.knowing(values, shared)


def find_rows(mirror: Mirror, listed: LakeFiles, subject: Subject) -> list[Found]:
    """Return the files with rows that tell of the person."""
    found = []
    for layer, key in listed.files:
        rows = count_rows(local_file(mirror, layer, key), subject)
        if rows:
            place = (layer, key)
            is_current = place in listed.current or key in listed.bronze
            found.append(Found(layer, key, listed.tables.get(place), rows, is_current))
    return found


def count_rows(path: Path, subject: Subject) -> int:
    """Return how many rows (of JSON: lines) of a file tell of the person."""
    if path.suffix == ".jsonl":
        with path.open(encoding="utf-8", newline="") as lines:
            return sum(1 for line in lines if text_without_person(line, subject) != line)
    return sum(without_person(part, subject).rows for part in row_groups(path))


def rows_of(mirror: Mirror, found: Sequence[Found], subject: Subject) -> Iterator[dict[str, Any]]:
    """Yield the rows that tell of the person as they are, with the `_table` of each."""
    for item in found:
        path = local_file(mirror, item.layer, item.key)
        if path.suffix == ".jsonl":
            with path.open(encoding="utf-8", newline="") as lines:
                for line in lines:
                    if text_without_person(line, subject) != line:
                        yield {"_table": item.table, "line": line.rstrip("\n")}
            continue
        for part in row_groups(path):
            hits = without_person(part, subject).hits
            for row in part.filter(hits).to_pylist():
                yield {"_table": item.table, **row}


def row_groups(path: Path, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """Read a Parquet file piece by piece; raises ReleaseError where it cannot be read."""
    try:
        with pq.ParquetFile(path) as file:
            for number in range(file.num_row_groups):
                yield file.read_row_group(number, columns=columns)
    except (OSError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0][:200]
        raise ReleaseError(f"{path}: is no readable Parquet file ({reason})") from error


def local_file(mirror: Mirror, layer: str, key: str) -> Path:
    """Return where a file of the lake can be read on this machine."""
    mirror.bring(layer, [key])
    return Path(mirror.path(layer, key))


def _parts(mirror: Mirror, listed: LakeFiles, subject: Subject) -> Iterator[pa.Table]:
    """The columns that tell of persons, of all files that have a key and further ones."""
    wanted = subject.columns.key | set(subject.columns.kinds)
    for layer, key in listed.files:
        if key.endswith(".jsonl"):
            continue
        path = local_file(mirror, layer, key)
        try:
            names = [name for name in pq.read_schema(path).names if name in wanted]
        except (OSError, pa.ArrowException) as error:
            raise ReleaseError(f"{path}: is no readable Parquet file") from error
        if subject.columns.key & set(names) and len(names) > 1:
            yield from row_groups(path, names)


def _bronze_entries(lake: Lake, spec: Spec) -> dict[str, ManifestEntry]:
    """Return {key of a file of bronze: its entry} of all manifests."""
    found: dict[str, ManifestEntry] = {}
    for table in spec.tables:
        prefix = f"{spec.pipeline}/{table.bronze_name}/"
        keys = set(lake.bronze.list(prefix))
        for key in sorted(key for key in keys if key.endswith(f"/{MANIFEST_NAME}")):
            try:
                manifest = Manifest.model_validate_json(lake.bronze.read(key))
            except ValidationError as error:
                raise ReleaseError(f"{lake.bronze.url(key)}: is no manifest") from error
            for entry in manifest.files:
                place = resolve_listed(prefix, key.rpartition("/")[0], entry.path, keys)
                if place is not None:
                    found[place] = ManifestEntry(key, entry)
    return found


def _snapshots(lake: Lake, pipeline: str) -> dict[str, SnapshotManifest]:
    """Return {key: manifest} of all snapshots of dimensions."""
    found = {}
    for key in lake.silver.list(f"{lake.dimension_prefix(pipeline)}/"):
        if key.endswith(f"/{MANIFEST_NAME}"):
            try:
                found[key] = SnapshotManifest.model_validate_json(lake.silver.read(key))
            except ValidationError as error:
                raise ReleaseError(f"{lake.silver.url(key)} is no snapshot manifest") from error
    return found
