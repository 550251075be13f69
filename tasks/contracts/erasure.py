"""An erasure: the record that says who was erased when, without telling who it was.

Belongs here: the model of `_erasures/<id>.json`, and a release with other files in the place of
those that were rewritten. Does not belong here: rewriting (`tasks/erasing.py`).

While an erasure goes on, its record is the journal by which the next call continues it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.contracts.release import PublishedFile, PublishedTable, Release

Layer = Literal["bronze", "silver", "gold"]
Place = tuple[str, str]  # layer and key


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MovedFile(_Document):
    """A file that was written anew under another name; `rows` are as many as before."""

    layer: Layer
    path: str
    to: str
    rows: Annotated[int, Field(ge=0)]
    bytes: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

    @property
    def identity(self) -> str:
        """What a run knows the new file of bronze by."""
        return f"{self.to}|{self.rows}|{self.bytes}|{self.sha256}"


class Erasure(_Document):
    """`_erasures/<id>.json`. The id is a keyed hash of the key's value and a number.

    `stand_in` is what stands in the place of the person's values. `moved` and `doomed` are emptied
    when all is done: names of files tell nothing then.
    """

    schema_version: Literal["1.0"] = "1.0"
    erasure: str
    pipeline: str
    column: str = Field(description="The identifier by which the person was named.")
    stand_in: str
    status: Literal["begun", "prepared", "published", "done"] = "begun"
    requested_by: str
    requested_at: datetime
    completed_at: datetime | None = None
    pointer_version: str | None = Field(None, description="The pointer that was prepared for.")
    release: int | None = Field(None, description="The release that has the tables without them.")
    amended: tuple[int, ...] = Field((), description="Older releases whose files were replaced.")
    rows: dict[str, int] = Field(default_factory=dict, description="{table: rows masked}")
    files_rewritten: int = 0
    files_deleted: int = 0
    moved: tuple[MovedFile, ...] = ()
    doomed: tuple[Place, ...] = Field((), description="Files that no release lists; they go.")


def amended(release: Release, moved: Iterable[MovedFile], erasure: str) -> Release:
    """Return `release` with the new files in the place of the old ones, and the erasure's id."""
    by_place: dict[Place, MovedFile] = {(file.layer, file.path): file for file in moved}
    bronze = {file.path: file.identity for file in by_place.values() if file.layer == "bronze"}
    return release.model_copy(
        update={
            "tables": {n: with_moved(table, by_place) for n, table in release.tables.items()},
            "bronze": {
                name: tuple(sorted(bronze.get(i.rsplit("|", 3)[0], i) for i in identities))
                for name, identities in release.bronze.items()
            },
            "erasures": (*release.erasures, erasure),
        }
    )


def with_moved(table: PublishedTable, moved: Mapping[Place, MovedFile]) -> PublishedTable:
    """Return `table` with the new files in the place of the old ones."""
    files = tuple(_new(file, moved.get((file.root, file.path))) for file in table.files)
    if files == table.files:
        return table
    return table.model_copy(update={"files": files, "bytes": sum(file.bytes for file in files)})


def _new(file: PublishedFile, moved: MovedFile | None) -> PublishedFile:
    if moved is None:
        return file
    update = {"path": moved.to, "bytes": moved.bytes, "sha256": moved.sha256}
    return file.model_copy(update=update)
