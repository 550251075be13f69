"""The files of a lake as pyiceberg reads and writes them: through the lake's own stores.

Belongs here: locations, and pyiceberg's interface to files. Does not belong here: a store.

So tables in buckets need no second client: credentials, endpoints and patience are the lake's.
"""

from __future__ import annotations

import io
import secrets
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import cast

from pyiceberg.io import FileIO, InputFile, InputStream, OutputFile, OutputStream
from pyiceberg.typedef import EMPTY_DICT, Properties

from blocks.lake import Lake
from blocks.store import Store

STORES_PROPERTY = "medallion.stores"
_OPEN: dict[str, tuple[tuple[str, Store], ...]] = {}


def location_of(store: Store, key: str) -> str:
    """Return the URL by which Iceberg knows `key`; a file of this machine has `file://`."""
    url = store.url(key)
    return url if "://" in url else f"file://{url}"


def offer(lake: Lake, others: Sequence[Store] = ()) -> dict[str, str]:
    """Return the properties by which a catalog finds the stores of `lake`, and `others`."""
    token = secrets.token_hex(8)
    stores = (lake.control, lake.bronze, lake.silver, lake.gold, *others)
    found = {f"{location_of(store, '').rstrip('/')}/": store for store in stores}
    # The longest first: a layer may lie inside the root of another one.
    _OPEN[token] = tuple(sorted(found.items(), key=lambda item: -len(item[0])))
    implementation = f"{LakeFiles.__module__}.{LakeFiles.__name__}"
    return {"py-io-impl": implementation, STORES_PROPERTY: token}


def withdraw(properties: Properties) -> None:
    """Forget the stores that `offer` offered."""
    _OPEN.pop(properties[STORES_PROPERTY], None)


class LakeFiles(FileIO):
    """pyiceberg's files over the stores of one lake, found by the token in `properties`."""

    def __init__(self, properties: Properties = EMPTY_DICT) -> None:
        super().__init__(properties)
        self._stores = _OPEN[properties[STORES_PROPERTY]]

    def new_input(self, location: str) -> InputFile:
        return _Readable(location, *self._place(location))

    def new_output(self, location: str) -> OutputFile:
        return _Writable(location, *self._place(location))

    def delete(self, location: str | InputFile | OutputFile) -> None:
        store, key = self._place(location if isinstance(location, str) else location.location)
        store.delete([key])

    @property
    def is_local(self) -> bool:
        """Whether all of the lake lies on this machine."""
        return all(store.local_path("") is not None for _, store in self._stores)

    def local_path(self, location: str) -> Path | None:
        """Return the file of `location` where it is one of this machine."""
        store, key = self._place(location)
        return store.local_path(key)

    def _place(self, location: str) -> tuple[Store, str]:
        text = location if "://" in location else f"file://{location}"
        if text.startswith("file:/") and not text.startswith("file://"):
            text = f"file://{text.removeprefix('file:')}"  # as Java writes it
        for root, store in self._stores:
            if text.startswith(root):
                return store, text.removeprefix(root)
        raise FileNotFoundError(f"{location}: lies outside of the lake")


class _Readable(InputFile):
    def __init__(self, location: str, store: Store, key: str) -> None:
        super().__init__(location)
        self._store, self._key = store, key

    def __len__(self) -> int:
        size = self._store.sizes([self._key])[0]
        if size is None:
            raise FileNotFoundError(self.location)
        return size

    def exists(self) -> bool:
        return self._store.exists(self._key)

    def open(self, seekable: bool = True) -> InputStream:
        """Open the file; what is read whole, metadata, comes in one request."""
        if seekable and self._key.endswith(".parquet"):
            return cast(InputStream, self._store.open_read(self._key))
        return cast(InputStream, io.BytesIO(self._store.read(self._key)))


class _Writable(OutputFile):
    def __init__(self, location: str, store: Store, key: str) -> None:
        super().__init__(location)
        self._store, self._key = store, key

    def __len__(self) -> int:
        return len(self.to_input_file())

    def exists(self) -> bool:
        return self._store.exists(self._key)

    def to_input_file(self) -> InputFile:
        return _Readable(self.location, self._store, self._key)

    def create(self, overwrite: bool = False) -> OutputStream:
        """Open a buffer that becomes the object, whole, when it is closed."""
        if not overwrite and self.exists():
            raise FileExistsError(self.location)
        return _Buffer(self._store, self._key)


class _Buffer(io.BytesIO):
    def __init__(self, store: Store, key: str) -> None:
        super().__init__()
        self._store, self._key = store, key

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            super().close()  # what was not written to its end is not kept
        self.close()

    def close(self) -> None:
        if not self.closed:
            self._store.write(self._key, self.getvalue())
        super().close()
