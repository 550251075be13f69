"""A release: the exact files of every published table, and the pointer that names the current one.

Belongs here: the models of `_releases/<n>.json` and `_latest.json`, and building one release
from another (rollback). Does not belong here: reading or writing them.
"""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PublishedFile(_Document):
    """A Parquet file. `path` is relative to the store of `root`."""

    root: Literal["bronze", "silver", "gold"]
    path: str
    rows: Annotated[int, Field(ge=0)]
    bytes: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    partition: dict[str, str] = Field(default_factory=dict)


class PublishedView(_Document):
    """A query in DuckDB's SQL. `{layer.table}` in it stands for each of `reads`, with its rows.

    Rows of bronze tell where they lie: `_file`, the key of their file, and `_row`, their number.
    """

    sql: str
    reads: tuple[str, ...]


class PublishedTable(_Document):
    """A table of a release. `columns` are names and DuckDB types, in order; a view has no files."""

    rows: Annotated[int, Field(ge=0)]
    bytes: Annotated[int, Field(ge=0)]
    columns: dict[str, str]
    key: tuple[str, ...] = ()
    partition_column: str | None = None
    quarantine_of: str | None = Field(
        None, description="The table (`silver.orders`) whose rejected rows these are."
    )
    internal: bool = Field(False, description="Kept for the next run to build on; not shown.")
    view: PublishedView | None = None
    files: tuple[PublishedFile, ...]


class WarehouseGold(_Document):
    """Where gold of a release is that the warehouse computes: the lake has no files of it.

    The warehouse itself records of which release it shows gold.
    """

    kind: Literal["bigquery"] = "bigquery"
    project: str
    dataset: str
    tables: tuple[str, ...] = Field(description="Their published names (`gold.fct_…`).")


class SilverCounts(_Document):
    """How the bronze rows of one table that a release has seen were judged, all in all."""

    bronze: Annotated[int, Field(ge=0)]
    quarantined: Annotated[int, Field(ge=0)]
    orphans: Annotated[int, Field(ge=0)]
    valid: Annotated[int, Field(ge=0)]
    distinct_keys: Annotated[int, Field(ge=0)]
    corrected: Annotated[int, Field(ge=0)] = Field(
        0, description="Rejected rows in whose place a correction was landed; not judged any more."
    )

    @property
    def superseded(self) -> int:
        """Rows in whose place another stands: a copy of the same key, or a correction."""
        return self.valid - self.distinct_keys + self.corrected


class Release(_Document):
    """`_releases/<n>.json`; never changed once it is written, but for what an erasure replaces."""

    schema_version: Literal["1.0"] = "1.0"
    pipeline: str
    release: Annotated[int, Field(ge=1)]
    previous: int | None
    run_id: str
    run_date: date
    as_of: date | None = Field(None, description="The run date, where the caller gave it.")
    kind: Literal["run", "rollback"] = "run"
    repeats: int | None = Field(None, description="The release that a rollback repeats.")
    created_at: datetime
    spec_fingerprint: str
    logic_fingerprint: str = Field("", description="Of the SQL and the transforms that made it.")
    artifact: str | None = Field(
        None, description="Hash of the compiled artifact that the run went by, if it did."
    )
    bronze: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="{table: identities of the bronze files it was made of}"
    )
    bronze_root: str | None = Field(
        None, description="The folder of that bronze, where it was read in place from elsewhere."
    )
    counts: dict[str, SilverCounts] = Field(default_factory=dict)
    masked_by: str | None = Field(
        None, description="Tells one key of masked columns from another, if any column is masked."
    )
    warehouse_gold: WarehouseGold | None = Field(
        None, description="Where gold is, if the warehouse computes it."
    )
    erasures: tuple[str, ...] = Field(
        (), description="Erasures that have rewritten files of it: the one exception to its rest."
    )
    tables: dict[str, PublishedTable]

    @property
    def shown(self) -> dict[str, PublishedTable]:
        """The tables that readers are told of: all but the internal ones."""
        return {name: table for name, table in self.tables.items() if not table.internal}


class Pointer(_Document):
    """`_latest.json`: the one object whose swap makes a release visible."""

    schema_version: Literal["1.0"] = "1.0"
    pipeline: str
    release: Annotated[int, Field(ge=1)]
    run_id: str
    updated_at: datetime
    sha256: str = Field(description="Of the release document's bytes.")


def pointing_to(release: Release) -> tuple[bytes, Pointer]:
    """Return the document of `release` as it is stored, and the pointer that names it."""
    content = release.model_dump_json(indent=1).encode()
    pointer = Pointer(
        pipeline=release.pipeline,
        release=release.release,
        run_id=release.run_id,
        updated_at=release.created_at,
        sha256=hashlib.sha256(content).hexdigest(),
    )
    return content, pointer


def rolled_back(older: Release, current: Release, *, created_at: datetime) -> Release:
    """Return the release after `current` that repeats `older`: history is never rewritten."""
    return older.model_copy(
        update={
            "release": current.release + 1,
            "previous": current.release,
            "kind": "rollback",
            "repeats": older.release,
            "created_at": created_at,
        }
    )
