"""Files that arrive late for a day that was run: the day is published again, other days stay."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.published import content, release_document
from tests.integration.same_content import content_differences
from tests.integration.test_incremental_ecommerce import LAST

pytestmark = pytest.mark.slow

LATE = ("order_items/ingest_dt=2024-01-05", "cart_items/ingest_dt=2024-01-05")
DAYS = {
    "silver.order_items": "order_dt",
    "enriched.product_performance": "product_dt",
    "enriched.cart_attribution": "created_dt",
    "gold.fct_sales_operations": "dt",
    "gold.fct_product_profitability": "product_dt",
}


@pytest.fixture(scope="module")
def lake(
    run_flow: Callable[..., object], small_bronze: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A lake with a release without the late files, and one with them."""
    folder = tmp_path_factory.mktemp("late")
    bronze = shutil.copytree(small_bronze, folder / "bronze")
    for partition in LATE:
        assert (bronze / partition).is_dir()
        shutil.move(bronze / partition, folder / partition.replace("/", "_"))
    run_flow(folder / "lake", LAST, bronze=bronze)
    for partition in LATE:
        shutil.move(folder / partition.replace("/", "_"), bronze / partition)
    run_flow(folder / "lake", LAST, bronze=bronze)
    return folder / "lake"


def test_late_files_end_where_files_in_time_end(lake: Path, small_lake: Path) -> None:
    assert content_differences(content(small_lake, 1), content(lake, 2)) == []


def test_days_that_the_late_files_do_not_reach_are_kept_by_reference(lake: Path) -> None:
    document = release_document(lake, 2)
    own = f"ecommerce/runs/{document['run_id']}/"
    for name, column in DAYS.items():
        files = document["tables"][name]["files"]
        written = {f["partition"][column] for f in files if f["path"].startswith(own)}
        carried = {f["partition"][column] for f in files if not f["path"].startswith(own)}
        assert written, name
        assert carried, name
        assert not written & carried, name


def test_what_the_late_files_cannot_change_is_kept(lake: Path) -> None:
    first, second = (release_document(lake, number)["tables"] for number in (1, 2))
    for name in ("silver.orders", "enriched.shipping_economics", "gold.fct_shipping_analysis"):
        assert first[name] == second[name]
