"""The flow that clears up a lake which runs have published to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from blocks.lake import local_lake
from tasks.releases import list_releases, missing_files
from tasks.specs import known_pipelines

pytestmark = pytest.mark.slow
LAST_DAY = date(2024, 1, 6)


def test_a_lake_is_cleared_up_between_two_runs(
    run_flow: Callable[..., Any], own_lake: Path, small_bronze: Path
) -> None:
    from flows.maintain import maintain

    lake = local_lake(own_lake)
    run_flow(own_lake, LAST_DAY, bronze=small_bronze, full_refresh=True)
    orphan = own_lake / "silver" / "ecommerce" / "runs" / "20240101T000000Z-aaaaaa" / "t"
    orphan.mkdir(parents=True)
    (orphan / "part-0.parquet").write_bytes(b"half a ro")
    planned = maintain(lake=str(own_lake), grace_hours=0, dry_run=True)
    assert orphan.exists()
    assert maintain(lake=str(own_lake), grace_hours=0) == planned
    assert list(planned) == known_pipelines()
    # Both releases are young; the snapshot that the second one took again was the first one's.
    assert [(r.kind, r.name) for r in planned["ecommerce"].removals] == [
        ("result", "26 of computed tables"),  # both runs have computed the same
        ("run", "20240101T000000Z-aaaaaa"),
    ]
    assert not orphan.parent.exists()
    assert maintain("ecommerce", lake=str(own_lake), grace_hours=0)["ecommerce"].removals == ()
    assert [missing_files(lake, release) for release in list_releases(lake, "ecommerce")] == [
        []
    ] * 2
    done = run_flow(own_lake, LAST_DAY, bronze=small_bronze)
    assert (done.record.built_on, done.record.release) == (2, 3)
