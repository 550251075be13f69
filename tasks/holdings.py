"""What a lake holds of one pipeline, and what of it goes: the values that clearing up is about.

Belongs here: frozen records of objects, releases, runs, snapshots, batches and versions. Does not
belong here: which of them go (`retention.py`), listing or deleting (`maintenance.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from tasks.contracts.release import Release

Kind = Literal[
    "release", "document", "result", "run", "snapshot", "leftover", "bronze", "expiry", "version"
]


@dataclass(frozen=True)
class StoredObject:
    """An object of a lake. `url` names it whatever layer it was found by; `modified_at` is UTC."""

    layer: str
    key: str
    url: str
    bytes: int
    modified_at: datetime


@dataclass(frozen=True)
class RunFolder:
    """What lies in all layers below the name of one run; `touched_at` is its last change."""

    run_id: str
    touched_at: datetime
    objects: tuple[StoredObject, ...]


@dataclass(frozen=True)
class Snapshot:
    """A dimension's snapshot: its manifest, and the URLs of the files that this lists."""

    dimension: str
    day: date
    manifest: StoredObject
    files: frozenset[str]


@dataclass(frozen=True)
class BronzeFile:
    """A file of landed bronze: what a release calls it (`identity`), and what lists it.

    `is_cleared`: the manifest says already that it is not there any more.
    """

    table: str
    identity: str
    manifest: str
    path: str
    stored: StoredObject
    is_cleared: bool = False


@dataclass(frozen=True)
class LandedBatch:
    """A batch of a table that every run reads whole: `files` are those of it that are there.

    `delivered_at` is when its content landed, or came again since; None: its record is gone.
    `is_expired`: its manifests say that runs leave it out, and have said so since `listed_at`.
    """

    name: str
    delivered_at: datetime | None
    listed_at: datetime
    files: tuple[StoredObject, ...]
    rows: int
    is_expired: bool = False


@dataclass(frozen=True)
class OldVersion:
    """A version of an object in a bucket that is not its current one, and since when."""

    stored: StoredObject
    version: str
    replaced_at: datetime


@dataclass(frozen=True)
class Holdings:
    """What a lake holds of one pipeline.

    `releases` are its history up to the `current` one, oldest first, `release_objects` their
    documents and `listed` the URLs of their files; `documents` lie beside them and are none of the
    history. `results` tell runs that are tried again what is computed already. `pointed` are the
    days of the dimensions' current snapshots, `leftovers` unfinished files and folders by their
    names.
    """

    current: int | None
    releases: tuple[Release, ...] = ()
    release_objects: tuple[StoredObject, ...] = ()
    listed: tuple[frozenset[str], ...] = ()
    documents: tuple[StoredObject, ...] = ()
    results: tuple[StoredObject, ...] = ()
    runs: tuple[RunFolder, ...] = ()
    snapshots: tuple[Snapshot, ...] = ()
    snapshot_files: tuple[StoredObject, ...] = ()
    pointed: frozenset[tuple[str, date]] = frozenset()
    leftovers: tuple[tuple[str, tuple[StoredObject, ...]], ...] = ()
    bronze: tuple[BronzeFile, ...] = ()
    batches: tuple[LandedBatch, ...] = ()
    versions: tuple[OldVersion, ...] = ()


@dataclass(frozen=True)
class Removal:
    """Something that goes. `whole`: nothing of the folder of this run or leftover remains.

    `version` is the one of the object that goes, where it is not the object itself.
    """

    kind: Kind
    name: str
    reason: str
    objects: tuple[StoredObject, ...]
    whole: bool = False
    version: str = ""

    @property
    def bytes(self) -> int:
        return sum(item.bytes for item in self.objects)


@dataclass(frozen=True)
class Sweep:
    """What goes, in the order of deletion, and which releases stay."""

    removals: tuple[Removal, ...]
    retained: tuple[int, ...]
