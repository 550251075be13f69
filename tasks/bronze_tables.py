"""A bronze table as one run sees it: its verified files, and what is wrong with them.

Belongs here: the values that an inventory consists of. Does not belong here: finding and verifying
files (`bronze_inventory.py`).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Problem:
    """Something that makes a table unusable. `check` is the name of the gate that it breaches."""

    check: str
    message: str


@dataclass(frozen=True)
class BronzeFile:
    """A verified file. `types` are the families (string, integer ...) of the specified columns.

    Engines read it at `path`, which is a file of this machine; people know it by its `url`.
    `corrects`: its rows stand in the place of rejected ones, which a column names. `hidden` tells
    what landing masked (by the key `masked_by`) or dropped: `email=mask`.
    """

    url: str
    rows: int
    bytes: int
    types: tuple[tuple[str, str], ...]
    identity: str
    path: str = ""
    corrects: bool = False
    hidden: tuple[str, ...] = ()
    masked_by: str | None = None


@dataclass(frozen=True)
class ExpiredFile:
    """A landed file past its retention: runs leave it out. It may be deleted already."""

    identity: str
    batch_id: str
    rows: int


@dataclass(frozen=True)
class BronzeTable:
    """A table as one run sees it; unusable if there are `problems`.

    `columns` are those that every file must have, with the families of their types. Files that are
    `expired` are none of `files`.
    """

    name: str
    files: tuple[BronzeFile, ...]
    problems: tuple[Problem, ...] = ()
    drift: tuple[str, ...] = ()
    columns: tuple[tuple[str, str], ...] = ()
    expired: tuple[ExpiredFile, ...] = ()

    @property
    def expired_batches(self) -> int:
        return len({file.batch_id for file in self.expired})

    @property
    def expired_rows(self) -> int:
        return sum(file.rows for file in self.expired)

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)

    @property
    def corrections(self) -> tuple[str, ...]:
        """Paths of the files whose rows stand in the place of rejected ones."""
        return tuple(file.path for file in self.files if file.corrects)

    @property
    def identities(self) -> frozenset[str]:
        """Which files, with which content, the run sees."""
        return frozenset(file.identity for file in self.files)

    def without(self, known: frozenset[str]) -> BronzeTable:
        """Return the table with only the files that are not `known`."""
        return replace(self, files=tuple(f for f in self.files if f.identity not in known))

    @property
    def fingerprint(self) -> str:
        """A hash of which files, with which content, the run sees."""
        text = json.dumps(sorted(file.identity for file in self.files))
        return hashlib.sha256(text.encode()).hexdigest()[:16]
