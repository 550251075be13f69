"""Running again: the same day gives the same content, and an earlier day what it gave then."""

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from tests.integration.published import content, files_of, release_document
from tests.integration.same_content import content_differences

pytestmark = pytest.mark.slow

LATER, EARLIER = date(2024, 1, 6), date(2024, 1, 4)


@pytest.fixture(scope="module")
def lake(
    run_flow: Callable,
    small_bronze: Path,
    small_lake: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Release 1 and 2 for the later day, 3 for the earlier, 4 for the later again."""
    lake = shutil.copytree(small_lake, tmp_path_factory.mktemp("reruns") / "lake")
    for number, day in ((2, LATER), (3, EARLIER), (4, LATER)):
        assert run_flow(lake, day, bronze=small_bronze).record.release == number
    return lake


@pytest.fixture(scope="module")
def first(lake: Path) -> dict[str, list[tuple]]:
    return content(lake, 1)


def test_a_day_that_is_run_again_has_the_same_content(lake: Path, first: dict) -> None:
    assert content_differences(first, content(lake, 2)) == []


def test_an_earlier_day_gives_what_a_lake_without_later_days_gives(
    run_flow: Callable, lake: Path, small_bronze: Path, tmp_path: Path, first: dict
) -> None:
    run_flow(tmp_path / "fresh", EARLIER, bronze=small_bronze)
    earlier = content(lake, 3)
    assert content_differences(content(tmp_path / "fresh", 1), earlier) == []
    assert earlier["silver.orders"] != first["silver.orders"]


def test_the_later_day_after_an_earlier_one_is_as_before(lake: Path, first: dict) -> None:
    assert content_differences(first, content(lake, 4)) == []


def test_every_release_keeps_its_document_and_its_files(lake: Path) -> None:
    for number in (1, 2, 3, 4):
        document = release_document(lake, number)
        assert (document["release"], document["previous"]) == (number, number - 1 or None)
        for table in document["tables"].values():
            assert all(Path(file).is_file() for file in files_of(lake, table))


def test_a_day_between_two_that_were_run_is_repeatable(
    run_flow: Callable, small_bronze: Path, own_lake: Path
) -> None:
    """The snapshot that a day uses is not decided by which days were run since."""
    between, after = date(2024, 1, 7), date(2024, 1, 8)
    for day in (between, after, between):
        run_flow(own_lake, day, bronze=small_bronze)
    assert content_differences(content(own_lake, 2), content(own_lake, 4)) == []
