"""What an object store of any vendor is asked: requests, what they give, and what errors mean.

Belongs here: the protocol between `object_store.py` and the vendors' modules. Does not belong here:
making a request (`s3_bucket.py`, `gcs_bucket.py`).
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from blocks.store import Entry

CONNECTIONS = 8
PAGE = 1000


class Fault(enum.Enum):
    """What an error of a vendor's library means."""

    ABSENT = "there is no such object"
    CONFLICT = "its version is another one"
    TRANSIENT = "the store did not answer"
    NO_BUCKET = "there is no such bucket"
    REFUSED = "the store refused access"
    OTHER = "the store answered with an error"


@dataclass(frozen=True)
class Head:
    """What is known of an object without reading it; `token` marks the swap that wrote it."""

    bytes: int
    version: str
    token: str | None


@dataclass(frozen=True)
class Content:
    """A whole object, of one version."""

    content: bytes
    version: str


@dataclass(frozen=True)
class Version:
    """A version of an object; `replaced_at` is None of the current one, also if that is gone."""

    name: str
    version: str
    bytes: int
    modified_at: datetime
    replaced_at: datetime | None


class Bucket(Protocol):
    """One vendor's requests, each tried once. Names are those in the bucket.

    Methods raise whatever the vendor's library raises; `fault_of` says what that means.
    """

    address: str

    def get(self, name: str) -> Content:
        """Return a whole object."""

    def get_part(self, name: str, version: str, start: int, stop: int) -> bytes:
        """Return the bytes from `start` to before `stop` of an object that is at `version`."""

    def head(self, name: str) -> Head:
        """Describe an object."""

    def put(self, name: str, content: bytes) -> None:
        """Write or replace an object."""

    def put_if(self, name: str, content: bytes, expected: str | None, token: str) -> str:
        """Write an object that is at version `expected` (None: absent), marked with `token`.

        Returns its version.
        """

    def put_file(self, name: str, path: Path) -> None:
        """Write or replace an object by the content of a file."""

    def delete(self, names: Sequence[str]) -> None:
        """Delete up to PAGE objects, of which some may be gone."""

    def page(self, prefix: str, after: str | None) -> tuple[Sequence[Entry], str | None]:
        """Return PAGE objects whose names begin with `prefix`, and where the next page begins."""

    def page_of_versions(
        self, prefix: str, after: str | None
    ) -> tuple[Sequence[Version], str | None]:
        """Return some versions of objects whose names begin with `prefix`, as `page` does."""

    def delete_version(self, name: str, version: str) -> None:
        """Delete one version of an object; it may be gone."""

    def fault_of(self, error: Exception) -> Fault | None:
        """Say what an error means; None where it is not the library's."""

    def code_of(self, error: Exception) -> str:
        """Return a word or number that names the error, and no address or credential."""
