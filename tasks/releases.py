"""Releases and the pointer: reading, publishing by one swap, rolling back.

Belongs here: the only code that moves `_latest.json`. Does not belong here: what is in the tables.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from blocks.lake import Lake
from blocks.store import VersionConflictError
from tasks.contracts.errors import ConfigurationError, PublishConflictError, ReleaseError
from tasks.contracts.release import (
    Pointer,
    PublishedFile,
    PublishedTable,
    Release,
    pointing_to,
    rolled_back,
)

Document = TypeVar("Document", bound=BaseModel)


@dataclass(frozen=True)
class Current:
    """The pointer as it was read: what a publish must find unchanged."""

    pointer: Pointer | None
    version: str | None

    @property
    def release(self) -> int | None:
        return self.pointer.release if self.pointer else None


def read_current(lake: Lake, pipeline: str) -> Current:
    """Read the pointer of `pipeline`; a pipeline that has published nothing has none."""
    key = lake.pointer_key(pipeline)
    content, version = lake.control.read_versioned(key)
    if content is None:
        return Current(None, None)
    return Current(_parsed(Pointer, content, lake.control.url(key)), version)


def read_release(lake: Lake, pipeline: str, number: int | None = None) -> Release:
    """Read a release, the current one without a number; raises ReleaseError.

    The current release must have the bytes that the pointer names. A document beyond the pointer
    is no release: it was left by a publisher that died before its swap.
    """
    pointer = read_current(lake, pipeline).pointer
    if pointer is None:
        raise ReleaseError(f"{pipeline} has no release yet; run `medallion run {pipeline}`")
    number = pointer.release if number is None else number
    unknown = f"{pipeline} has no release {number}; see `medallion releases {pipeline}`"
    if number > pointer.release:
        raise ReleaseError(unknown)
    where = lake.control.url(lake.release_key(pipeline, number))
    content = _read(lake, lake.release_key(pipeline, number))
    if number == pointer.release:
        present, content = content, _named_document(lake, pointer, content)
        if present is not None and content is None:
            raise ReleaseError(f"{where} is not the document that the pointer names")
    if content is None:
        raise ReleaseError(unknown)
    return _parsed(Release, content, where)


def read_base(lake: Lake, pipeline: str) -> tuple[Current, Release | None]:
    """Read the pointer and the release that it names; a document that cannot be read is none."""
    current = read_current(lake, pipeline)
    if current.pointer is None:
        return current, None
    content = _named_document(lake, current.pointer)
    return current, None if content is None else Release.model_validate_json(content)


def list_releases(lake: Lake, pipeline: str) -> list[Release]:
    """Read the history up to the current release, oldest first.

    A document beyond the pointer was left by a publisher that died before its swap.
    """
    current = read_current(lake, pipeline).release
    if current is None:
        return []
    prefix = lake.release_key(pipeline, 0).rpartition("/")[0] + "/"
    numbers = sorted(
        int(key.removeprefix(prefix).removesuffix(".json"))
        for key in lake.control.list(prefix)
        if key.removeprefix(prefix).removesuffix(".json").isdigit()
    )
    return [read_release(lake, pipeline, number) for number in numbers if number <= current]


def publish(lake: Lake, release: Release, base: Current) -> Release:
    """Write the release document, then swap the pointer, if it still is where `base` saw it.

    Raises PublishConflictError if another publisher was first; nothing that exists is changed then.

    The swap alone decides, so that this holds on object stores too, where nobody can be held off.
    A document that is there already under this number is of a publisher that died, or of one that
    is about to swap: it stays, and this release's lies beside it until the pointer names it.
    """
    pipeline = release.pipeline
    key = lake.pointer_key(pipeline)
    content, pointer = pointing_to(release)
    with lake.control.exclusive(key):  # spares conflicts where there are locks
        now = read_current(lake, pipeline)
        if now.version != base.version:
            raise PublishConflictError(_conflict(pipeline, base, now))
        if base.pointer is not None:
            _settle(lake, base.pointer)
        in_place = _write_document(lake, pointer, content)
        try:
            lake.control.swap(
                key, pointer.model_dump_json(indent=1).encode(), expected=base.version
            )
        except VersionConflictError as error:
            now = read_current(lake, pipeline)
            if not _is_published(lake, pointer, now.pointer):
                lake.control.delete([draft_key(lake, pointer)])
                raise PublishConflictError(_conflict(pipeline, base, now)) from error
        if not in_place:
            _settle(lake, pointer)
    return release


def draft_key(lake: Lake, pointer: Pointer) -> str:
    """Return where the document of a release lies while another one has its place."""
    place = lake.release_key(pointer.pipeline, pointer.release).removesuffix(".json")
    return f"{place}.{pointer.sha256[:16]}.json"


def _write_document(lake: Lake, pointer: Pointer, content: bytes) -> bool:
    """Write the document that `pointer` will name; tell whether its place was free for it."""
    try:
        lake.control.swap(
            lake.release_key(pointer.pipeline, pointer.release), content, expected=None
        )
    except VersionConflictError:
        lake.control.write(draft_key(lake, pointer), content)
        return False
    return True


def _named_document(lake: Lake, pointer: Pointer, present: bytes | None = None) -> bytes | None:
    """Return the document that `pointer` names, wherever it lies; `present` has its place."""
    place = lake.release_key(pointer.pipeline, pointer.release)
    if present is None:
        present = _read(lake, place)
    if _is(pointer, present):
        return present
    # Between two looks it may be given its place: the last look is there.
    for key in (draft_key(lake, pointer), place):
        content = _read(lake, key)
        if _is(pointer, content):
            return content
    return None


def _settle(lake: Lake, pointer: Pointer) -> None:
    """Give the document that the pointer has named its place, if another one was there before.

    Whoever publishes next does it for one that died between its swap and this.
    """
    key = lake.release_key(pointer.pipeline, pointer.release)
    present = _read(lake, key)
    if _is(pointer, present):
        return
    content = _named_document(lake, pointer, present)
    if content is not None:
        lake.control.write(key, content)
        lake.control.delete([draft_key(lake, pointer)])


def _is_published(lake: Lake, pointer: Pointer, now: Pointer | None) -> bool:
    """Tell whether `pointer` came to stand though its swap was answered with a conflict.

    That reply may be of a second attempt whose first was done, and others may have published since.
    They settle what they build on, so that the document of an older release is in its place.
    """
    if now is None or now.release < pointer.release:
        return False
    if now.release == pointer.release:
        return now.sha256 == pointer.sha256
    return _is(pointer, _read(lake, lake.release_key(pointer.pipeline, pointer.release)))


def _is(pointer: Pointer, content: bytes | None) -> bool:
    return content is not None and hashlib.sha256(content).hexdigest() == pointer.sha256


def _read(lake: Lake, key: str) -> bytes | None:
    try:
        return lake.control.read(key)
    except FileNotFoundError:
        return None


def next_number(base: Current) -> int:
    """Return the number of the release that would follow `base`."""
    return (base.release or 0) + 1


def roll_back(lake: Lake, pipeline: str, *, to: int, created_at: datetime) -> Release:
    """Publish a new release that repeats release `to`; raises ReleaseError, ConfigurationError.

    Called again for the same moment, it returns what it has published then.
    """
    with lake.control.exclusive(lake.pointer_key(pipeline)):  # nobody clears files away meanwhile
        base = read_current(lake, pipeline)
        current = read_release(lake, pipeline)
        if (current.repeats, current.created_at) == (to, created_at):
            return current
        older = check_rollback(lake, pipeline, current, to)
        return publish(lake, rolled_back(older, current, created_at=created_at), base)


def check_rollback(lake: Lake, pipeline: str, current: Release, to: int) -> Release:
    """Return release `to` if it can come back; raises ReleaseError, ConfigurationError."""
    if to == current.release:
        raise ConfigurationError(f"release {to} of {pipeline} is the current one already")
    older = read_release(lake, pipeline, to)
    missing = missing_files(lake, older)
    if missing:
        raise ReleaseError(
            f"release {to} of {pipeline} cannot come back: {len(missing)} of its files are "
            f"gone, the first is {missing[0].path}"
        )
    return older


def erased_since(lake: Lake, pipeline: str, seen: Release | None) -> bool:
    """Tell whether a person was erased since `seen` was the current release: its files are gone."""
    if seen is None:
        return False
    latest = read_release(lake, pipeline)
    return latest.release > seen.release and not set(latest.erasures) <= set(seen.erasures)


def missing_files(lake: Lake, release: Release) -> list[PublishedFile]:
    """Return the files of `release` that are not there, or not of their size."""
    files = [file for table in release.tables.values() for file in table.files]
    found: dict[tuple[str, str], int | None] = {}
    for root in sorted({file.root for file in files}):
        keys = [file.path for file in files if file.root == root]
        sizes = lake.store_of(root).sizes(keys)
        found |= {(root, key): size for key, size in zip(keys, sizes, strict=True)}
    return [file for file in files if found[file.root, file.path] != file.bytes]


def table_urls(lake: Lake, table: PublishedTable) -> list[str]:
    """Return the paths or URLs of the files of `table`."""
    return file_urls(lake, table.files)


def file_urls(lake: Lake, files: Iterable[PublishedFile]) -> list[str]:
    """Return the paths or URLs of `files`."""
    return [lake.store_of(file.root).url(file.path) for file in files]


def _conflict(pipeline: str, base: Current, now: Current) -> str:
    return (
        f"{pipeline}: release {now.release} was published meanwhile, this run began on "
        f"{base.release or 'none'}; nothing was changed, run again"
    )


def _parsed(model: type[Document], content: bytes, where: str) -> Document:
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the document"
        raise ReleaseError(f"{where}: {field}: {first['msg']}") from error
