"""Runs that build on the release before end where a run from nothing ends."""

import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.integration.published import content, files_of, release_document
from tests.integration.same_content import content_differences

pytestmark = pytest.mark.slow

FIRST, LAST = date(2024, 1, 4), date(2024, 1, 6)
RELEASES = 3


@pytest.fixture(scope="module")
def grown(run_flow: Callable, small_bronze: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with a release a day, each built on the one before."""
    lake = tmp_path_factory.mktemp("grown") / "lake"
    day = FIRST
    while day <= LAST:
        run_flow(lake, day, bronze=small_bronze)
        day += timedelta(days=1)
    return lake


def test_day_by_day_ends_where_one_run_ends(grown: Path, small_lake: Path) -> None:
    assert content_differences(content(small_lake, 1), content(grown, RELEASES)) == []
    lakes = ((grown, RELEASES), (small_lake, 1))
    counts = [release_document(lake, number)["counts"] for lake, number in lakes]
    assert counts[0] == counts[1]


def test_untouched_days_are_carried_over_by_reference(grown: Path) -> None:
    document = release_document(grown, RELEASES)
    own = f"ecommerce/runs/{document['run_id']}/"
    for name in ("silver.orders", "silver.order_items"):
        files = document["tables"][name]["files"]
        written = {f["partition"]["order_dt"] for f in files if f["path"].startswith(own)}
        carried = {f["partition"]["order_dt"] for f in files if not f["path"].startswith(own)}
        assert written
        assert carried
        assert not written & carried


def test_a_full_refresh_computes_everything(
    run_flow: Callable, grown: Path, small_bronze: Path, tmp_path: Path
) -> None:
    lake = shutil.copytree(grown, tmp_path / "lake")
    run_flow(lake, LAST, bronze=small_bronze, full_refresh=True)
    document = release_document(lake, RELEASES + 1)
    own = f"ecommerce/runs/{document['run_id']}/"
    orders = document["tables"]["silver.orders"]
    assert all(file["path"].startswith(own) for file in orders["files"])
    assert all(Path(file).is_file() for file in files_of(lake, orders))
    assert content_differences(content(lake, RELEASES), content(lake, RELEASES + 1)) == []
