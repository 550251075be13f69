"""The manifest of a bronze partition: which files it consists of.

Belongs here: the models of `_MANIFEST.json`, foreign ones included, and of a batch's commit record
with the corrections that the batch may consist of.
Does not belong here: reading them or comparing them with the files.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

MANIFEST_NAME = "_MANIFEST.json"
BATCH_FOLDER = "_batches"
SCHEMA_VERSION = "1.0"
CORRECTION_PREFIX = "correction_"
# The column of a correction's rows that names the rejected row which each replaces.
CORRECTS = "corrects_row"


class ManifestFile(BaseModel):
    """A file of a partition. `path` is relative to the bronze root, or to the partition's folder.

    `checksum` is whatever a foreign writer means by it: it is recorded and not verified. `sha256`
    is of the file's bytes and is verified.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    path: Annotated[str, Field(min_length=1)]
    rows: Annotated[int, Field(ge=0)]
    checksum: str | None = None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    bytes: int | None = None
    batch_id: str | None = Field(None, description="Set by this system: the batch that added it.")
    cleared: bool = Field(
        False, description="Set by this system: retention has deleted it; its rows are in silver."
    )
    hidden: tuple[str, ...] = Field(
        (), description="Set by this system: `column=mask` or `column=drop` of what landing hid."
    )
    masked_by: str | None = Field(None, description="Tells the key of these masks from others.")
    expired: bool = Field(
        False, description="Set by this system: past its retention; later runs leave it out."
    )


class Manifest(BaseModel):
    """`_MANIFEST.json` of one partition folder; other fields of foreign writers are tolerated."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    schema_version: str
    table: str
    batch_id: str | None = None
    partition: str | dict[str, Any] | None = None
    files: tuple[ManifestFile, ...]
    total_rows: Annotated[int, Field(ge=0)]
    created_at: str | None = None
    columns: dict[str, str] | None = Field(
        None, description="Set by this system: physical columns and types."
    )


class CorrectedRow(BaseModel):
    """A rejected row and what was changed in it. `origin` are its audit columns, NULLs left out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    row: str
    reasons: tuple[str, ...]
    changed: tuple[str, ...]
    origin: dict[str, str]


class Correction(BaseModel):
    """Which rejected rows a batch replaces, who corrected them, and in which release they were."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    table: str
    corrected_by: str
    release: int
    run_id: str
    run_date: date
    rows: tuple[CorrectedRow, ...]


class BatchRecord(BaseModel):
    """The commit of a landed batch, `<table>/_batches/<batch_id>.json`.

    Files of a batch without this record were never completely landed, and readers leave them out.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal["1.0"] = "1.0"
    table: str
    batch_id: str
    source_file: str
    source_sha256: str
    source_bytes: int
    rows: int
    partitions: tuple[str, ...]
    columns: dict[str, str]
    drift: tuple[str, ...] = ()
    landed_at: str
    delivered_at: str | None = Field(
        None, description="When the same content came last, where it came again."
    )
    correction: Correction | None = None
