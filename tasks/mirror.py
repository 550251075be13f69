"""The files of a lake as engines see them: on a local disk, whatever the lake lies on.

Belongs here: where a run writes, bringing what lies in object stores to this machine once, and
sending there what a run has written. Does not belong here: which files a step needs, or requests
to a store (`blocks/stores`).

DuckDB, dbt, Polars and pyarrow only ever open local files. In a lake of folders those are the
lake's own and nothing is copied; of an object store they are copies below a scratch folder, each
compared with the size and hash that a release lists (see docs/decisions/0015).
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import IO

from blocks.lake import Lake
from blocks.store import Store
from blocks.stores.local import LocalStore
from tasks.contracts.errors import ReleaseError
from tasks.contracts.release import PublishedFile
from tasks.scratch_folders import claim, sweep

CONNECTIONS = 8
_LAYERS = ("control", "bronze", "silver", "gold")


class Mirror:
    """Local folders for the layers of `lake`; those of object stores lie below `scratch`.

    Safe among threads. `close` ends transfers and removes the copies.
    """

    def __init__(self, lake: Lake, scratch: Path | None = None) -> None:
        self.lake = lake
        self._scratch = scratch
        self._stores = {layer: self._beside(layer) for layer in _LAYERS}
        self._guard = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._claim: IO[bytes] | None = None
        self._begun: dict[tuple[str, str, str], Future[None]] = {}

    def _beside(self, layer: str) -> LocalStore:
        home = self._home(layer)
        if isinstance(home, LocalStore):
            return home
        if self._scratch is None:
            raise ValueError(f"{home!r} needs a scratch folder")
        self.lake.own_scratch()
        return LocalStore(self._scratch / layer)

    def _home(self, layer: str) -> Store:
        return self.lake.control if layer == "control" else self.lake.store_of(layer)

    def store_of(self, layer: str) -> LocalStore:
        """Return the local store of `layer`; a run writes its own files there."""
        return self._stores.get(layer, self._stores["silver"])

    def path(self, layer: str, key: str) -> str:
        """Return where the file of `key` is, or would be."""
        return str(self.store_of(layer).path(key))

    def paths(self, files: Sequence[PublishedFile]) -> list[str]:
        """Return where engines find `files`, once they are there.

        Raises ReleaseError where one is missing or not the file that its release lists.
        """
        self._all(
            [
                self._once("fetch", file.root, file.path, partial(self._fetch, file))
                for file in files
                if self._is_wanted(file.root, file.path)
            ]
        )
        return [self.path(file.root, file.path) for file in files]

    def bring(self, layer: str, keys: Iterable[str]) -> None:
        """Bring files of bronze or control here as they are, to where `path` says.

        Whoever reads bronze compares it with its manifest. Raises FileNotFoundError, StorageError
        and ConfigurationError.
        """
        self._all(
            [
                self._once("fetch", layer, key, partial(self._copy, layer, key))
                for key in keys
                if self._is_wanted(layer, key)
            ]
        )

    def send(self, files: Iterable[PublishedFile]) -> None:
        """Write files that this run has made to where they are published from; each once."""
        self._all(
            [
                self._once("send", file.root, file.path, partial(self._send, file))
                for file in files
                if self._is_away(file.root) and Path(self.path(file.root, file.path)).exists()
            ]
        )

    def close(self) -> None:
        """End transfers and remove the copies; the files of a lake of folders stay.

        What is asked for afterwards comes anew.
        """
        with self._guard:
            pool, self._pool = self._pool, None
            held, self._claim = self._claim, None
            self._begun.clear()
        if pool is not None:
            pool.shutdown(cancel_futures=True)
        if self._scratch is not None and any(self._is_away(layer) for layer in self._stores):
            shutil.rmtree(self._scratch, ignore_errors=True)
        if held is not None:
            held.close()

    def _is_away(self, layer: str) -> bool:
        return self.store_of(layer) is not self._home(layer)

    def _is_wanted(self, layer: str, key: str) -> bool:
        """Tell whether a copy is lacking: one that is there was whole when it got its name."""
        return self._is_away(layer) and not Path(self.path(layer, key)).exists()

    def _once(
        self, what: str, layer: str, key: str, transfer: Callable[[], None]
    ) -> tuple[tuple[str, str, str], Future[None]]:
        """Begin a transfer, unless it is under way or done."""
        name = (what, layer, key)
        with self._guard:
            if name not in self._begun:
                if self._pool is None:
                    self._pool = self._opened()
                self._begun[name] = self._pool.submit(transfer)
            return name, self._begun[name]

    def _opened(self) -> ThreadPoolExecutor:
        """Begin to transfer; before that, give back the disk that killed processes have taken."""
        assert self._scratch is not None, "only what is away is transferred"
        self._claim = claim(self._scratch)
        sweep(self._scratch.parent)
        return ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="mirror")

    def _all(self, transfers: Sequence[tuple[tuple[str, str, str], Future[None]]]) -> None:
        """Wait for transfers; one that failed may be tried again."""
        failures = []
        for name, future in transfers:
            error = future.exception()
            if error is not None:
                failures.append(error)
                with self._guard:
                    self._begun.pop(name, None)
        if failures:
            raise failures[0]

    def _fetch(self, file: PublishedFile) -> None:
        store = self.lake.store_of(file.root)
        target = Path(self.path(file.root, file.path))
        draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
        try:
            store.download(file.path, draft)
            if not _is(draft, file):
                raise ReleaseError(
                    f"{store.url(file.path)} is not the file that its release lists; restore it, "
                    "or roll back to a release without it"
                )
            draft.replace(target)
        except FileNotFoundError:
            raise ReleaseError(f"{store.url(file.path)} is missing; restore it") from None
        finally:
            draft.unlink(missing_ok=True)

    def _copy(self, layer: str, key: str) -> None:
        self._home(layer).download(key, Path(self.path(layer, key)))

    def _send(self, file: PublishedFile) -> None:
        self.lake.store_of(file.root).upload(Path(self.path(file.root, file.path)), file.path)


@contextlib.contextmanager
def passing_mirror(lake: Lake) -> Iterator[Mirror]:
    """A mirror for one reading of `lake`; copies are gone afterwards."""
    stores: tuple[Store, ...] = (lake.control, lake.bronze, lake.silver, lake.gold)
    if all(isinstance(store, LocalStore) for store in stores):
        yield Mirror(lake)
        return
    with tempfile.TemporaryDirectory(prefix="reading-", dir=lake.own_scratch()) as folder:
        mirror = Mirror(lake, Path(folder))
        try:
            yield mirror
        finally:
            mirror.close()


def _is(path: Path, file: PublishedFile) -> bool:
    with path.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    return (path.stat().st_size, digest) == (file.bytes, file.sha256)
