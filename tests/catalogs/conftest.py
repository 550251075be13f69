"""The catalogs on which every test of this folder runs.

Belongs here: servers, once a session, and fresh shops. Does not belong here: tests.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from blocks.settings import Settings
from tests.catalogs.servers import (
    CLIENT_ID,
    CLIENT_SECRET,
    PASSWORD,
    Guard,
    postgres_server,
    rest_server,
)
from tests.catalogs.shop import Shop

_numbers = itertools.count(1)
KINDS = ("sqlite", "postgres", "rest")


@pytest.fixture(scope="session")
def postgres() -> Iterator[int]:
    with postgres_server() as port:
        yield port


@pytest.fixture(scope="session")
def guard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Guard, str]]:
    with rest_server(tmp_path_factory.mktemp("rest")) as server:
        guarding = Guard(server)
        with guarding.serving() as address:
            yield guarding, address


def catalog_of(kind: str, request: pytest.FixtureRequest) -> dict[str, Any]:
    """The settings of a catalog of this kind, running."""
    if kind == "postgres":
        port = request.getfixturevalue("postgres")
        place = {"host": "127.0.0.1", "port": port, "name": f"catalog_{next(_numbers)}"}
        return {"kind": "postgres", **place, "password": SecretStr(PASSWORD)}
    if kind == "rest":
        _, address = request.getfixturevalue("guard")
        client = {"client_id": SecretStr(CLIENT_ID), "client_secret": SecretStr(CLIENT_SECRET)}
        return {"kind": "rest", "uri": f"http://{address}", "scope": "all", **client}
    return {"kind": "sqlite"}


def shop_at(lake: Path, catalog: dict[str, Any], pipeline: str) -> Shop:
    said = {"environment": "local", "lake": {"kind": "local", "root": str(lake)}}
    return Shop(Settings.model_validate({**said, "catalog": catalog}), pipeline)


@pytest.fixture
def make_shop(tmp_path: Path) -> Callable[[dict[str, Any]], Shop]:
    """Make a shop with a catalog, in a lake of its own."""

    def make(catalog: dict[str, Any]) -> Shop:
        number = next(_numbers)
        return shop_at(tmp_path / f"lake-{number}", catalog, f"shop_{number}")

    return make


@pytest.fixture(params=KINDS)
def shop(request: pytest.FixtureRequest, make_shop: Callable[[dict[str, Any]], Shop]) -> Shop:
    """A shop without a release, on each kind of catalog."""
    return make_shop(catalog_of(request.param, request))


@pytest.fixture
def local_shop(make_shop: Callable[[dict[str, Any]], Shop]) -> Shop:
    """A shop with the catalog in its lake."""
    return make_shop({"kind": "sqlite"})
