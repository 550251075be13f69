"""A bucket, or what lies below a prefix of it, as a store.

Belongs here: what is the same for every object store: keys and names, patience with transient
failures, recognising one's own write when its reply was lost, and errors that name the object and
nothing secret. Does not belong here: one vendor's requests (`s3_bucket.py`, `gcs_bucket.py`).
"""

from __future__ import annotations

import contextlib
import io
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeVar

from tenacity import (
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    wait_random_exponential,
)

from blocks.store import Entry, OldEntry, StorageError, VersionConflictError
from blocks.stores.access import Patience
from blocks.stores.bucket import CONNECTIONS, PAGE, Bucket, Fault, Version
from blocks.stores.range_reader import PART_BYTES, RangeReader
from tasks.contracts.errors import ConfigurationError

Result = TypeVar("Result")


class ObjectStore:
    """Objects of a bucket whose names begin with `prefix`."""

    def __init__(self, bucket: Bucket, prefix: str, patience: Patience) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._patience = patience

    def __repr__(self) -> str:
        return f"ObjectStore({self.url('').rstrip('/')!r})"

    def url(self, key: str) -> str:
        return f"{self._bucket.address}/{self._name(key)}"

    def local_path(self, key: str) -> Path | None:
        self._name(key)
        return None

    def read(self, key: str) -> bytes:
        return self._ask("read", key, self._bucket.get).content

    def open_read(self, key: str) -> BinaryIO:
        head = self._ask("read", key, self._bucket.head)

        def part(start: int, stop: int) -> bytes:
            try:
                found = self._ask(
                    "read", key, lambda name: self._bucket.get_part(name, head.version, start, stop)
                )
            except VersionConflictError:
                raise StorageError(f"{self.url(key)}: changed while it was read") from None
            if len(found) != stop - start:
                raise StorageError(f"{self.url(key)}: {len(found)} bytes came, not {stop - start}")
            return found

        return io.BufferedReader(RangeReader(head.bytes, part), PART_BYTES)

    def read_versioned(self, key: str) -> tuple[bytes | None, str | None]:
        try:
            found = self._ask("read", key, self._bucket.get)
        except FileNotFoundError:
            return None, None
        return found.content, found.version

    def write(self, key: str, content: bytes) -> None:
        self._ask("written", key, lambda name: self._bucket.put(name, content))

    def swap(self, key: str, content: bytes, *, expected: str | None) -> str:
        # Who sees this mark on the object knows that the write was its own, even if the reply that
        # said so was lost and the next attempt was answered with a conflict.
        token = secrets.token_hex(16)

        def put(name: str) -> str:
            try:
                return self._bucket.put_if(name, content, expected, token)
            except Exception as error:
                if self._bucket.fault_of(error) not in (Fault.CONFLICT, Fault.TRANSIENT):
                    raise
                own = self._written_by(name, token)
                if own is not None:
                    return own
                raise

        try:
            return self._ask("written", key, put)
        except FileNotFoundError:
            raise VersionConflictError(self.url(key)) from None

    def _written_by(self, name: str, token: str) -> str | None:
        try:
            head = self._bucket.head(name)
        except Exception as error:
            if self._bucket.fault_of(error) is Fault.ABSENT:
                return None
            raise
        return head.version if head.token == token else None

    def upload(self, path: Path, key: str) -> None:
        self._ask("written", key, lambda name: self._bucket.put_file(name, path))
        sent, arrived = path.stat().st_size, self._ask("read", key, self._bucket.head).bytes
        if sent != arrived:
            raise StorageError(f"{self.url(key)}: {sent} bytes were sent, {arrived} arrived")

    def download(self, key: str, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        try:
            with self.open_read(key) as source, draft.open("xb") as target:
                shutil.copyfileobj(source, target, PART_BYTES)
            draft.replace(path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise

    def delete(self, keys: Iterable[str]) -> None:
        every = list(keys)
        for first in range(0, len(every), PAGE):
            names = [self._name(key) for key in every[first : first + PAGE]]
            self._ask("deleted", every[first], partial(self._delete, names))

    def _delete(self, names: Sequence[str], _: str) -> None:
        self._bucket.delete(names)

    def list(self, prefix: str) -> list[str]:
        return [entry.key for entry in self.entries(prefix)]

    def entries(self, prefix: str) -> Sequence[Entry]:
        folder = prefix.rstrip("/")
        below = self._name(f"{folder}/") if folder else self._prefix
        found = [
            Entry(entry.key.removeprefix(self._prefix), entry.bytes, entry.modified_at)
            for entry in self._pages(prefix, below)
        ]
        if not found and folder and folder == prefix:
            name = self._name(folder)
            found = [
                Entry(folder, entry.bytes, entry.modified_at)
                for entry in self._pages(prefix, name)
                if entry.key == name
            ]
        shown = [
            e for e in found if not e.key.rpartition("/")[2].startswith(".") and e.key[-1:] != "/"
        ]
        return sorted(shown, key=lambda entry: entry.key)

    def _pages(self, key: str, prefix: str) -> Iterator[Entry]:
        after: str | None = None
        while True:
            entries, after = self._ask("listed", key, partial(self._page, prefix, after))
            yield from entries
            if after is None:
                return

    def _page(self, prefix: str, after: str | None, _: str) -> tuple[Sequence[Entry], str | None]:
        return self._bucket.page(prefix, after)

    def old_versions(self, prefix: str) -> Sequence[OldEntry]:
        folder = prefix.rstrip("/")
        below, after = (self._name(f"{folder}/") if folder else self._prefix), None
        found = []
        while True:
            page, after = self._ask("listed", prefix, partial(self._page_of_versions, below, after))
            for item in page:
                if item.replaced_at is not None:
                    entry = Entry(
                        item.name.removeprefix(self._prefix), item.bytes, item.modified_at
                    )
                    found.append(OldEntry(entry, item.version, item.replaced_at))
            if after is None:
                return sorted(found, key=lambda old: (old.entry.key, old.replaced_at))

    def _page_of_versions(
        self, prefix: str, after: str | None, _: str
    ) -> tuple[Sequence[Version], str | None]:
        return self._bucket.page_of_versions(prefix, after)

    def delete_versions(self, versions: Iterable[tuple[str, str]]) -> None:
        def delete(item: tuple[str, str]) -> None:
            key, version = item
            self._ask("deleted", key, lambda name: self._bucket.delete_version(name, version))

        with ThreadPoolExecutor(CONNECTIONS) as pool:
            list(pool.map(delete, versions))

    def exists(self, key: str) -> bool:
        return self._size(key) is not None

    def sizes(self, keys: Sequence[str]) -> Sequence[int | None]:
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            return list(pool.map(self._size, keys))

    def _size(self, key: str) -> int | None:
        try:
            return self._ask("read", key, self._bucket.head).bytes
        except FileNotFoundError:
            return None

    def exclusive(self, key: str) -> contextlib.AbstractContextManager[None]:
        """Object stores have no locks: who writes what others may write swaps it."""
        self._name(key)
        return contextlib.nullcontext()

    def _name(self, key: str) -> str:
        if key.startswith("/") or {".", ".."} & set(key.split("/")):
            raise ValueError(f"the key {key!r} leaves the store")
        return f"{self._prefix}{key}"

    def _ask(self, done: str, key: str, request: Callable[[str], Result]) -> Result:
        """Try a request as long as patience lasts; `done` completes "cannot be ..."."""
        name = self._name(key)
        patience = self._patience
        attempts = Retrying(
            retry=retry_if_exception(self._is_transient),
            stop=stop_after_attempt(patience.attempts),
            wait=wait_random_exponential(patience.first_delay, patience.longest_delay),
            reraise=True,
        )
        try:
            return attempts(request, name)
        except Exception as error:
            fault = self._bucket.fault_of(error)
            if fault is None:
                raise
            told = self._told(fault, self._bucket.code_of(error), key, done)
        # Outside of the handler, so that the library's error, which tells the endpoint and parts
        # of the request, is not its context.
        raise told

    def _is_transient(self, error: BaseException) -> bool:
        return isinstance(error, Exception) and self._bucket.fault_of(error) is Fault.TRANSIENT

    def _told(self, fault: Fault, code: str, key: str, done: str) -> Exception:
        url, bucket = self.url(key), self._bucket.address
        if fault is Fault.ABSENT:
            return FileNotFoundError(url)
        if fault is Fault.CONFLICT:
            return VersionConflictError(url)
        if fault is Fault.NO_BUCKET:
            return ConfigurationError(
                f"{url} cannot be {done}: there is no bucket {bucket}; create it or correct the "
                "storage roots of the environment"
            )
        if fault is Fault.REFUSED:
            return ConfigurationError(
                f"{url} cannot be {done}: the store refused access ({code}); check the credentials "
                f"of the environment and what they may do in {bucket}"
            )
        if fault is Fault.TRANSIENT:
            times = f"{self._patience.attempts} attempts"
            unsure = "; whether it was is not known" if done == "written" else ""
            return StorageError(
                f"{url} cannot be {done}: no answer in {times} ({code}){unsure}; try again"
            )
        return StorageError(f"{url} cannot be {done}: the store answered {code}")
