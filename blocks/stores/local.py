"""A folder of this machine as a store.

Belongs here: the local disk, its locks and its syncs. Does not belong here: object stores.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
import shutil
import stat
import threading
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from blocks.store import Entry, OldEntry, VersionConflictError


class LocalStore:
    """A folder. Writes are new file, fsync, rename; swaps happen under a lock file."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self._folders_within: set[Path] = set()

    def __repr__(self) -> str:
        return f"LocalStore({str(self.root)!r})"

    @cached_property
    def _real_root(self) -> Path:
        return self.root.resolve()

    def path(self, key: str) -> Path:
        """Return the file of `key`, which must stay below the root."""
        path = self.root / key
        is_plain = path.name != ".." and not path.is_symlink()
        if not (is_plain and self._holds_folder(path.parent)) and not self._holds(path):
            raise ValueError(f"the key {key!r} leaves the store")
        return path

    def _holds_folder(self, folder: Path) -> bool:
        # To resolve a path asks the disk for each folder above it: once a folder is enough.
        if folder not in self._folders_within and self._holds(folder):
            self._folders_within.add(folder)
        return folder in self._folders_within

    def _holds(self, path: Path) -> bool:
        return path.resolve().is_relative_to(self._real_root)

    def url(self, key: str) -> str:
        return str(self.path(key))

    def local_path(self, key: str) -> Path | None:
        return self.path(key)

    def read(self, key: str) -> bytes:
        return self.path(key).read_bytes()

    def open_read(self, key: str) -> BinaryIO:
        return self.path(key).open("rb")

    def read_versioned(self, key: str) -> tuple[bytes | None, str | None]:
        try:
            content = self.read(key)
        except FileNotFoundError:
            return None, None
        return content, hashlib.sha256(content).hexdigest()

    def write(self, key: str, content: bytes) -> None:
        with self._drafted(key) as file:
            file.write(content)

    def upload(self, path: Path, key: str) -> None:
        with path.open("rb") as source, self._drafted(key) as file:
            shutil.copyfileobj(source, file)

    def download(self, key: str, path: Path) -> None:
        source = self.path(key)
        LocalStore(path.parent).upload(source, path.name)

    @contextlib.contextmanager
    def _drafted(self, key: str) -> Iterator[BinaryIO]:
        path = self.path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        try:
            with draft.open("xb") as file:
                yield file
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

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            self.path(key).unlink(missing_ok=True)

    def list(self, prefix: str) -> list[str]:
        found = (path for path in self._paths(prefix) if path.is_file())
        return sorted(path.relative_to(self.root).as_posix() for path in found)

    def entries(self, prefix: str) -> Sequence[Entry]:
        found = []
        for path in self._paths(prefix):
            with contextlib.suppress(FileNotFoundError):  # gone meanwhile
                about = path.stat()
                if not stat.S_ISREG(about.st_mode):
                    continue
                moment = datetime.fromtimestamp(about.st_mtime, UTC)
                key = path.relative_to(self.root).as_posix()
                found.append(Entry(key, about.st_size, moment))
        return sorted(found, key=lambda entry: entry.key)

    def old_versions(self, prefix: str) -> Sequence[OldEntry]:
        self.path(prefix)
        return ()

    def delete_versions(self, versions: Iterable[tuple[str, str]]) -> None:
        """There are none."""

    def _paths(self, prefix: str) -> Iterable[Path]:
        """The files below a folder."""
        folder = self.path(prefix)
        if folder.is_file():
            return [folder]
        if not folder.is_dir():
            return []
        return _files_below(folder)

    def exists(self, key: str) -> bool:
        return self.path(key).is_file()

    def sizes(self, keys: Sequence[str]) -> Sequence[int | None]:
        paths = [self.path(key) for key in keys]
        return [path.stat().st_size if path.is_file() else None for path in paths]

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


def _files_below(folder: Path) -> Iterator[Path]:
    """The files that are no drafts; a folder that goes meanwhile has none."""

    def unless_gone(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            raise error

    for parent, _, names in os.walk(folder, onerror=unless_gone):
        yield from (Path(parent, name) for name in names if not name.startswith("."))


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
