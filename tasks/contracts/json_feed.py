"""A feed of JSON records: which files it comes in, and what silver makes of it.

Belongs here: the pydantic models of `feed` in `flows/specs/<pipeline>.yml`, and the names that
landing adds to a record. Does not belong here: whether the entries fit the table
(`feed_checks.py`), or reading JSON (`tasks/json_records.py`).
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.contracts.names import Name

INGESTED_AT, LAYER, SOURCE_FILE, SOURCE_ROW = "ingested_at", "layer", "source_file", "source_row"
FEED_AUDIT_COLUMNS = (INGESTED_AT, LAYER, SOURCE_FILE, SOURCE_ROW)
MALFORMED = "_malformed"
CONSTANT = "_constant"
RECEIVED = "_received"
RESERVED = frozenset({*FEED_AUDIT_COLUMNS, MALFORMED, CONSTANT, RECEIVED})
"""Members of a line of bronze that are not the record's; its own of these names are in the last."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FeedFiles(_Entry):
    """Files of a feed. `constant` stands in for the field `split_by` of records that have none."""

    files: Annotated[str, Field(pattern=r"^[^/*]+/[^/]+$")] = Field(
        description="`folder/name`, below the input; `*` in the name stands for any text."
    )
    constant: Annotated[str, Field(min_length=1)] | None = None

    def fits(self, name: str) -> bool:
        """Tell whether a file of this path, relative to the input, is meant."""
        path = PurePosixPath(name)
        folder, _, pattern = self.files.partition("/")
        return path.parent.name == folder and fnmatchcase(path.name, pattern)


class BesideTable(_Entry):
    """A further table of silver that is built with this one; internal: for the next run only."""

    name: Name
    description: str = ""
    key: tuple[Name, ...] = ()
    internal: bool = False
    grows: bool = Field(False, description="A run adds rows to those of the release before.")


class JsonFeed(_Entry):
    """Where the records of a table come from, and what is counted of them."""

    envelope: Name = Field(description="The array that makes an object around it an envelope.")
    sources: Annotated[tuple[FeedFiles, ...], Field(min_length=1)]
    split_by: Name | None = Field(
        None, description="A field; bronze keeps records of each value of it in a folder."
    )
    fields: tuple[Name, ...] = Field(
        (), description="Fields that silver reads as columns; left out: records whole."
    )
    counts: Literal["records", "values"] = Field(
        "records", description="What accounting counts: records, or the values in them."
    )
    beside: tuple[BesideTable, ...] = ()

    def source_of(self, name: str) -> FeedFiles | None:
        """Return the first entry that a file of this path fits; entries with names go first."""
        fitting = [entry for entry in self.sources if entry.fits(name)]
        return min(fitting, key=lambda entry: "*" in entry.files, default=None)
