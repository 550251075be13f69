"""What an Iceberg table is to show, what it shows, and the change from one to the other.

Belongs here: plain values that planning (`tasks/iceberg_plan.py`) and the catalog
(`blocks/iceberg/`) exchange. Does not belong here: deciding, or talking to a catalog.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import pyarrow as pa

RELEASE_PROPERTY = "medallion.release"
RUN_PROPERTY = "medallion.run-id"
CONTENT_PROPERTY = "medallion.content"


@dataclass(frozen=True)
class ListedFile:
    """A Parquet file as a table lists it. `value` is its partition's; None is the null value."""

    location: str
    rows: int
    bytes: int
    value: str | None = None


@dataclass(frozen=True)
class Cut:
    """How a table is partitioned: by one column, as it is, or by its day or month.

    The files of a table with a `virtual` column do not hold it; the partition gives its value.
    """

    column: str
    by: Literal["identity", "day", "month"] = "identity"
    virtual: bool = False


@dataclass(frozen=True)
class WantedTable:
    """A table as a release has it. `pattern` is a file that tells the columns if none has rows."""

    namespace: str
    name: str
    files: tuple[ListedFile, ...]
    cut: Cut | None = None
    pattern: ListedFile | None = None

    @property
    def full_name(self) -> str:
        return f"{self.namespace}.{self.name}"

    @property
    def content(self) -> str:
        """A hash of which files the table lists: tables with the same one hold the same rows."""
        digest = hashlib.sha256()
        for file in sorted(self.files, key=lambda each: each.location):
            digest.update(f"{file.location}|{file.rows}|{file.bytes}|{file.value}\n".encode())
        return digest.hexdigest()


@dataclass(frozen=True)
class FileFacts:
    """What a Parquet file says of itself: rows, and columns with the types of Arrow, in order.

    `constant` is the text that all rows have in the column by which the file was put in its folder.
    """

    rows: int
    columns: Mapping[str, pa.DataType]
    constant: str | None = None


@dataclass(frozen=True)
class SchemaState:
    """A schema that a table has or had: columns with the types of Arrow."""

    id: int
    columns: Mapping[str, pa.DataType]


@dataclass(frozen=True)
class TableState:
    """An Iceberg table as the catalog has it.

    `tags` are {release: snapshot}, `contents` {snapshot: hash of the files that it lists} of those
    snapshots that a release was shown by, `schema_of` {snapshot: schema}. `schemas` are those
    whose columns files tell by name as today; `names` are all that a column was ever told by.
    """

    location: str
    schema: SchemaState
    schemas: tuple[SchemaState, ...]
    cut: Cut | None
    current: int | None
    tags: Mapping[int, int]
    contents: Mapping[int, str]
    schema_of: Mapping[int, int]
    names: frozenset[str]

    @property
    def newest(self) -> int:
        """The latest release that was shown, 0 without any."""
        return max(self.tags, default=0)


@dataclass(frozen=True)
class SchemaChange:
    """What becomes of the columns of a table; `back_to` is an earlier schema that fits as it is."""

    added: Mapping[str, pa.DataType] = field(default_factory=dict)
    widened: Mapping[str, pa.DataType] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()
    back_to: int | None = None

    @property
    def is_none(self) -> bool:
        return not (self.added or self.widened or self.dropped) and self.back_to is None


@dataclass(frozen=True)
class TableChange:
    """One commit to a table.

    `show` is a snapshot that lists the files already; else those of `wanted` replace what the
    table lists. With `forget` nothing that it listed before can be read by the new columns, so
    that its earlier snapshots go. `tag` is the release that the result stands for.
    """

    wanted: WantedTable
    show: int | None = None
    columns: SchemaChange = SchemaChange()
    recut: bool = False
    forget: bool = False
    tag: int | None = None
