"""Source files that lie in a bucket, brought to this machine for as long as they are landed.

Belongs here: which objects of a source are fetched, and where they are put. Does not belong here:
which table a file belongs to (`source_files.py`), or requests to a store (`blocks/stores`).
"""

from __future__ import annotations

import contextlib
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from blocks.lake import Lake
from blocks.lake_places import is_url, root_text
from blocks.store import Store
from tasks.contracts.errors import IngestError
from tasks.mirror import CONNECTIONS
from tasks.scratch_folders import claim, sweep


@contextlib.contextmanager
def source_on_disk(
    source: str | Path,
    lake: Lake,
    store_at: Callable[[str], Store],
    files: Sequence[str] | None = None,
) -> Iterator[Path]:
    """Yield the path at which a source is found: its own, or that of copies that go afterwards.

    The copies lie in folders that are named as those in the bucket: names of folders tell tables
    and partitions. `files` are paths relative to the source, to fetch no others. Raises
    IngestError, StorageError and ConfigurationError.
    """
    if not is_url(source):
        yield Path(source)
        return
    url = root_text(source).rstrip("/")
    scratch = lake.own_scratch() / "sources" / secrets.token_hex(8)
    held = claim(scratch)
    try:
        sweep(scratch.parent)  # what killed processes have left
        path = _fetched(url, scratch, store_at, files)
        try:
            yield path
        except IngestError as error:
            if str(path) not in str(error):
                raise
            raise IngestError(str(error).replace(str(path), url), error.faults) from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        held.close()


def _fetched(
    url: str, scratch: Path, store_at: Callable[[str], Store], files: Sequence[str] | None
) -> Path:
    """Fetch the one object `url`, or the files below it; return the path that stands for it."""
    place = urlsplit(url)
    path = scratch / place.netloc / place.path.strip("/")
    above, _, name = url.rpartition("/")
    if place.path and files is None:
        store = store_at(above)
        if store.exists(name):
            _download(store, [name], path.parent)
            return path
    store = store_at(url)
    keys = [key for key in store.list("") if _may_hold_rows(key)] if files is None else files
    if not keys:
        raise IngestError(f"{url}: there is no such file or folder")
    try:
        _download(store, keys, path)
    except FileNotFoundError as error:
        raise IngestError(f"{url}: a file is gone: {error}") from error
    return path


def _download(store: Store, keys: Sequence[str], folder: Path) -> None:
    """Copy objects to `folder`, by their keys; one that would lie outside of it is refused."""
    for key in keys:
        if PurePosixPath(key).is_absolute() or ".." in PurePosixPath(key).parts:
            raise IngestError(f"{key}: lies outside of the source; name it relative to that folder")
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        for done in [pool.submit(store.download, key, folder / key) for key in keys]:
            done.result()


def _may_hold_rows(key: str) -> bool:
    """Hidden files, and what exporters write beside their files, are not looked at."""
    parts = PurePosixPath(key).parts
    return not key.endswith("/") and not any(part.startswith((".", "_")) for part in parts)
