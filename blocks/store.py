"""The one interface to storage: what every backend offers, and the errors that they share.

Belongs here: the protocol of whole objects by key, listing, create-if-absent and
compare-and-swap. Does not belong here: a backend (`stores/`), or what the objects mean.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from tasks.contracts.errors import MedallionError


class VersionConflictError(Exception):
    """The object is not at the version that the caller has seen."""


class StorageError(MedallionError, OSError):
    """Storage did not do what it was asked for, however often it was asked.

    Names the object, never an endpoint or a credential.
    """


@dataclass(frozen=True)
class Entry:
    """An object as a listing shows it; `modified_at` is UTC."""

    key: str
    bytes: int
    modified_at: datetime


@dataclass(frozen=True)
class OldEntry:
    """A version of an object that is kept though another has taken its place, at `replaced_at`."""

    entry: Entry
    version: str
    replaced_at: datetime


class Store(Protocol):
    """Objects under one root. Keys are relative paths with `/`. Versions are opaque texts.

    Besides what the methods name, those that reach an object store raise StorageError when it
    does not answer, and ConfigurationError when it refuses the credentials or has no such bucket.
    Keys that leave the root are a ValueError.
    """

    def url(self, key: str) -> str:
        """Return the absolute path or the URL that names `key` to people and other programs."""

    def local_path(self, key: str) -> Path | None:
        """Return the file of `key` where keys are files of this machine, else None."""

    def read(self, key: str) -> bytes:
        """Return an object; raises FileNotFoundError."""

    def open_read(self, key: str) -> BinaryIO:
        """Open an object to be read piece by piece, also from the middle.

        What is read is of one version. Raises FileNotFoundError.
        """

    def read_versioned(self, key: str) -> tuple[bytes | None, str | None]:
        """Return an object with its version, or (None, None) if there is none."""

    def write(self, key: str, content: bytes) -> None:
        """Write or replace an object: readers see the old one or the new one, whole."""

    def swap(self, key: str, content: bytes, *, expected: str | None) -> str:
        """Replace an object that is still at version `expected` (None: absent).

        Returns the new version; raises VersionConflictError and writes nothing otherwise.
        """

    def upload(self, path: Path, key: str) -> None:
        """Write or replace an object by the content of a local file, of whatever size."""

    def download(self, key: str, path: Path) -> None:
        """Copy an object to a local file, whole or not at all; raises FileNotFoundError."""

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects; those that are gone already are no error."""

    def list(self, prefix: str) -> list[str]:
        """Return the keys below the folder `prefix` (or the one key `prefix`), sorted."""

    def entries(self, prefix: str) -> Sequence[Entry]:
        """Return what `list` returns, with sizes and times."""

    def old_versions(self, prefix: str) -> Sequence[OldEntry]:
        """Return the versions below the folder `prefix` that are not current, oldest first.

        None, where the store keeps none: in folders, and in buckets without versions.
        """

    def delete_versions(self, versions: Iterable[tuple[str, str]]) -> None:
        """Delete versions, as (key, version), that `old_versions` has named; never others."""

    def exists(self, key: str) -> bool:
        """Tell whether there is an object at `key`."""

    def sizes(self, keys: Sequence[str]) -> Sequence[int | None]:
        """Return the bytes of each object, None where there is none."""

    def exclusive(self, key: str) -> contextlib.AbstractContextManager[None]:
        """Hold other writers of `key` off, where the backend can (a crash lets go)."""
