"""Any sequence of incremental runs ends in the tables of one run over everything.

Deliveries come in any order: children before parents, corrections before what they correct, late
and repeated rows. Columns that name the run which wrote a row are left out.
"""

import random
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from tests.integration.published import content, release_document
from tests.integration.same_content import content_differences

pytestmark = pytest.mark.slow

RUN_NAMES = ("run_id", "processed_timestamp", "ingestion_timestamp", "created_at")
LAST_SHOP_DAY, LAST_EVENT_DAY = date(2024, 1, 6), date(2024, 1, 4)


def deliveries(things: list[Path], seed: int, count: int) -> list[list[Path]]:
    """Cut `things`, shuffled, into `count` deliveries."""
    shuffled = random.Random(seed).sample(sorted(things), len(things))
    return [shuffled[number::count] for number in range(count)]


def same(first: Path, second: Path, pipeline: str) -> list[str]:
    """Compare the current releases of two lakes: rows, and how they were judged."""
    contents = [content(lake, None, pipeline, drop=RUN_NAMES) for lake in (first, second)]
    counts = [release_document(lake, None, pipeline)["counts"] for lake in (first, second)]
    assert counts[0] == counts[1]
    return content_differences(contents[0], contents[1])


def test_shop_deliveries_in_any_order(
    run_flow: Callable, small_bronze: Path, small_lake: Path, tmp_path: Path
) -> None:
    lake, bronze = tmp_path / "lake", tmp_path / "bronze"
    tables = [folder for folder in small_bronze.iterdir() if folder.is_dir()]
    partitions = [part for table in tables for part in table.iterdir() if part.is_dir()]
    for table in tables:
        (bronze / table.name).mkdir(parents=True)
    for number, delivery in enumerate(deliveries(partitions, 1, 3)):
        # No table may be absent at first: its first partition comes with the first delivery.
        for part in delivery if number else {p.parent.name: p for p in partitions}.values():
            shutil.copytree(part, bronze / part.relative_to(small_bronze), dirs_exist_ok=True)
        for part in delivery:
            shutil.copytree(part, bronze / part.relative_to(small_bronze), dirs_exist_ok=True)
        run_flow(lake, LAST_SHOP_DAY, bronze=bronze)
    assert same(small_lake, lake, "ecommerce") == []


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dirty events of four days, with rows that come late and files delivered again."""
    from tasks.sample_data.clickstream_files import write_clickstream

    folder = tmp_path_factory.mktemp("events")
    write_clickstream(folder, events=3000, days=4, seed=3, dirt=0.15, first_day=date(2024, 1, 1))
    return folder


@pytest.fixture(scope="module")
def whole(prefect_api: None, events: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with one run over all events."""
    from flows.run import run_pipeline

    lake = tmp_path_factory.mktemp("whole") / "lake"
    run_pipeline("clickstream", run_date=LAST_EVENT_DAY, lake=str(lake), source=str(events))
    return lake


def test_event_files_in_any_order(events: Path, whole: Path, tmp_path: Path) -> None:
    from flows.ingest import ingest
    from flows.run import run_pipeline

    lake = tmp_path / "lake"
    days = [date(2024, 1, 2), LAST_EVENT_DAY, LAST_EVENT_DAY]
    for day, files in zip(days, deliveries(list(events.glob("*.csv")), 2, 3), strict=True):
        names = [file.name for file in files]
        ingest("clickstream", str(events), landed_on=day, lake=str(lake), files=names)
        run_pipeline("clickstream", run_date=day, lake=str(lake))
    assert same(whole, lake, "clickstream") == []
    run_pipeline("clickstream", run_date=LAST_EVENT_DAY, lake=str(lake), full_refresh=True)
    assert same(whole, lake, "clickstream") == []
