"""The lake that the tests of the command line read."""

from __future__ import annotations

from pathlib import Path

import pytest
from published_lake import two_releases

from blocks.lake import Lake


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Two releases of ecommerce, with the records of their runs."""
    return two_releases(tmp_path / "lake")
