"""The backends on which every test of this folder runs.

Belongs here: servers, once a session, and fresh buckets. Does not belong here: tests.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from blocks.store import Store
from blocks.stores import gcs_bucket, s3_bucket
from blocks.stores.access import Patience
from blocks.stores.opening import open_store
from tests.stores.servers import gcs_server, make_gcs_bucket, make_s3_bucket, s3_server

KEY_ID, SECRET = "AKIACANARYOFTHETESTS", "canary-of-the-secret-key"
QUICK = Patience(attempts=5, first_delay=0.01, longest_delay=0.05, timeout=20)
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Backend:
    """Where a test may keep objects: a folder or a server, addressed by `server`."""

    kind: str
    folder: Path
    server: str | None = None
    patience: Patience = QUICK
    access: Mapping[str, Any] = field(default_factory=dict)

    def root(self, name: str = "root") -> str:
        """The address of a new, empty root; in an object store it is a prefix in a new bucket."""
        if self.server is None:
            return str(self.folder / f"{name}-{next(_numbers)}")
        bucket = f"{name}-{next(_numbers)}"
        make = make_s3_bucket if self.kind == "s3" else make_gcs_bucket
        make(self.server, bucket)
        return f"{'s3' if self.kind == 's3' else 'gs'}://{bucket}/some/prefix"

    def open(self, root: str, *, server: str | None = None, **changes: Any) -> Store:
        """Open a store, through `server` instead of the backend's own if it is given."""
        if self.server is None:
            return open_store(root)
        access = {"endpoint": f"http://{server or self.server}", **self.access, **changes}
        patience = access.pop("patience", self.patience)
        return open_store(root, patience=patience, **access)


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    with s3_server() as server:
        yield server


@pytest.fixture(scope="session")
def gcs() -> Iterator[str]:
    with gcs_server() as server:
        yield server


@pytest.fixture
def fresh_clients() -> Iterator[None]:
    """Clients that are made of this test's variables and used by no other test."""
    for module in (s3_bucket, gcs_bucket):
        module._client.cache_clear()
    yield
    for module in (s3_bucket, gcs_bucket):
        module._client.cache_clear()


S3_KEYS = {
    "access_key_id": SecretStr(KEY_ID),
    "secret_access_key": SecretStr(SECRET),
    "region": "us-east-1",
}


def backend_of(kind: str, request: pytest.FixtureRequest, folder: Path) -> Backend:
    if kind == "local":
        return Backend(kind, folder)
    keys = S3_KEYS if kind == "s3" else {}
    return Backend(kind, folder, request.getfixturevalue(kind), access=keys)


@pytest.fixture(params=["local", "s3", "gcs"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    return backend_of(request.param, request, tmp_path)


@pytest.fixture(params=["s3", "gcs"])
def object_backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    return backend_of(request.param, request, tmp_path)


@pytest.fixture
def store(backend: Backend) -> Store:
    return backend.open(backend.root())
