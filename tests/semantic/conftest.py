"""A Cube over made-up gold of every pipeline, started once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.semantic.gold_releases import publish_gold
from tests.semantic.running_cube import Cube, installed_packages, running_cube

PUBLISHED = ("retail", "ecommerce", "clickstream")  # coordination comes later


@pytest.fixture(scope="session")
def cube(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cube]:
    """Cube in production mode; of `coordination` nothing is published. Publish what you like."""
    packages = installed_packages()
    lake = tmp_path_factory.mktemp("semantic") / "lake"
    for pipeline in PUBLISHED:
        publish_gold(lake, pipeline, seed=1)
    with running_cube(lake, tmp_path_factory.mktemp("cube"), packages) as running:
        yield running


@pytest.fixture
def lake(cube: Cube) -> Path:
    return cube.lake
