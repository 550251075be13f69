"""Releases and the pointer: reading, publishing by one swap, rolling back.

Belongs here: the only code that moves `_latest.json`. Does not belong here: what is in the tables.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from blocks.lake import Lake
from blocks.store import VersionConflictError
from tasks.contracts.errors import ConfigurationError, PublishConflictError, ReleaseError
from tasks.contracts.release import Pointer, PublishedFile, PublishedTable, Release, rolled_back

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
    key = lake.release_key(pipeline, number)
    try:
        content = lake.control.read(key)
    except FileNotFoundError as error:
        raise ReleaseError(unknown) from error
    is_current = number == pointer.release
    if is_current and hashlib.sha256(content).hexdigest() != pointer.sha256:
        raise ReleaseError(f"{lake.control.url(key)} is not the document that the pointer names")
    return _parsed(Release, content, lake.control.url(key))


def read_base(lake: Lake, pipeline: str) -> tuple[Current, Release | None]:
    """Read the pointer and the release that it names; a document that cannot be read is none."""
    current = read_current(lake, pipeline)
    if current.pointer is None:
        return current, None
    content: bytes | None
    try:
        content = lake.control.read(lake.release_key(pipeline, current.pointer.release))
    except FileNotFoundError:
        content = None
    if content is None or hashlib.sha256(content).hexdigest() != current.pointer.sha256:
        return current, None
    return current, Release.model_validate_json(content)


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
    """
    pipeline = release.pipeline
    key = lake.pointer_key(pipeline)
    content = release.model_dump_json(indent=1).encode()
    pointer = Pointer(
        pipeline=pipeline,
        release=release.release,
        run_id=release.run_id,
        updated_at=release.created_at,
        sha256=hashlib.sha256(content).hexdigest(),
    )
    # Under the lock a document of this number can only be a dead publisher's: it may be replaced.
    with lake.control.exclusive(key):
        if lake.control.read_versioned(key)[1] != base.version:
            raise PublishConflictError(_conflict(lake, pipeline, base))
        lake.control.write(lake.release_key(pipeline, release.release), content)
        try:
            lake.control.swap(
                key, pointer.model_dump_json(indent=1).encode(), expected=base.version
            )
        except VersionConflictError as error:
            raise PublishConflictError(_conflict(lake, pipeline, base)) from error
    return release


def next_number(base: Current) -> int:
    """Return the number of the release that would follow `base`."""
    return (base.release or 0) + 1


def roll_back(lake: Lake, pipeline: str, *, to: int, created_at: datetime) -> Release:
    """Publish a new release that repeats release `to`; raises ReleaseError, ConfigurationError."""
    base = read_current(lake, pipeline)
    current = read_release(lake, pipeline)
    if to == current.release:
        raise ConfigurationError(f"release {to} of {pipeline} is the current one already")
    older = read_release(lake, pipeline, to)
    missing = missing_files(lake, older)
    if missing:
        raise ReleaseError(
            f"release {to} of {pipeline} cannot come back: {len(missing)} of its files are gone, "
            f"the first is {missing[0].path}"
        )
    return publish(lake, rolled_back(older, current, created_at=created_at), base)


def missing_files(lake: Lake, release: Release) -> list[PublishedFile]:
    """Return the files of `release` that are not there, or not of their size."""
    return [
        file
        for table in release.tables.values()
        for file in table.files
        if _bytes(lake.store_of(file.root).url(file.path)) != file.bytes
    ]


def table_urls(lake: Lake, table: PublishedTable) -> list[str]:
    """Return where an engine finds the files of `table`."""
    return [lake.store_of(file.root).url(file.path) for file in table.files]


def _bytes(url: str) -> int | None:
    path = Path(url)
    return path.stat().st_size if path.is_file() else None


def _conflict(lake: Lake, pipeline: str, base: Current) -> str:
    now = read_current(lake, pipeline).release
    return (
        f"{pipeline}: release {now} was published meanwhile, this run began on "
        f"{base.release or 'none'}; nothing was changed, run again"
    )


def _parsed(model: type[Document], content: bytes, where: str) -> Document:
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the document"
        raise ReleaseError(f"{where}: {field}: {first['msg']}") from error
