"""The one interface to storage, and its local implementation.

Belongs here: what every backend offers (whole objects by key, listing, create-if-absent,
compare-and-swap), and the local disk. Does not belong here: what the objects mean.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol


class VersionConflictError(Exception):
    """The object is not at the version that the caller has seen."""


class Store(Protocol):
    """Objects under one root. Keys are relative paths with `/`. Versions are opaque texts."""

    def url(self, key: str) -> str:
        """Return the absolute path or URL by which an engine reads `key`."""

    def read(self, key: str) -> bytes:
        """Return an object; raises FileNotFoundError."""

    def read_versioned(self, key: str) -> tuple[bytes | None, str | None]:
        """Return an object with its version, or (None, None) if there is none."""

    def write(self, key: str, content: bytes) -> None:
        """Write or replace an object: readers see the old one or the new one, whole."""

    def swap(self, key: str, content: bytes, *, expected: str | None) -> str:
        """Replace an object that is still at version `expected` (None: absent).

        Returns the new version; raises VersionConflictError and writes nothing otherwise.
        """

    def list(self, prefix: str) -> list[str]:
        """Return the keys below the folder `prefix` (or the one key `prefix`), sorted."""

    def exists(self, key: str) -> bool:
        """Tell whether there is an object at `key`."""

    def exclusive(self, key: str) -> contextlib.AbstractContextManager[None]:
        """Hold other writers of `key` off, where the backend can (a crash lets go)."""


class LocalStore:
    """A folder. Writes are new file, fsync, rename; swaps happen under a lock file."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    def __repr__(self) -> str:
        return f"LocalStore({str(self.root)!r})"

    def path(self, key: str) -> Path:
        """Return the file of `key`, which must stay below the root."""
        path = self.root / key
        if not path.resolve().is_relative_to(self.root.resolve()):
            raise ValueError(f"the key {key!r} leaves the store")
        return path

    def url(self, key: str) -> str:
        return str(self.path(key))

    def read(self, key: str) -> bytes:
        return self.path(key).read_bytes()

    def read_versioned(self, key: str) -> tuple[bytes | None, str | None]:
        try:
            content = self.read(key)
        except FileNotFoundError:
            return None, None
        return content, hashlib.sha256(content).hexdigest()

    def write(self, key: str, content: bytes) -> None:
        path = self.path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        try:
            with draft.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)

    def swap(self, key: str, content: bytes, *, expected: str | None) -> str:
        with self.exclusive(key):
            _, version = self.read_versioned(key)
            if version != expected:
                raise VersionConflictError(key)
            self.write(key, content)
        return hashlib.sha256(content).hexdigest()

    def list(self, prefix: str) -> list[str]:
        folder = self.path(prefix)
        if folder.is_file():
            return [prefix]
        if not folder.is_dir():
            return []
        found = (p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("."))
        return sorted(path.relative_to(self.root).as_posix() for path in found)

    def exists(self, key: str) -> bool:
        return self.path(key).is_file()

    @contextlib.contextmanager
    def exclusive(self, key: str) -> Iterator[None]:
        """Lock `key` against other processes and threads; the kernel frees the lock of the dead.

        Reentrant within a thread, so that `swap` may be called by the holder.
        """
        path = self.path(key)
        held = getattr(_held_now, "paths", ())
        if path in held:
            yield
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.with_name(f".{path.name}.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            _held_now.paths = (*held, path)
            try:
                yield
            finally:
                _held_now.paths = held


_held_now = threading.local()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
