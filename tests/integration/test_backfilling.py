"""A backfill ends where runs day by day end, side by side, and after a crash.

That those end where one run of the last day ends is tested in `test_incremental_ecommerce.py`.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

import flows.backfill
from blocks.lake import local_lake
from flows.run import run_pipeline
from tasks.backfill import BackfillError, days_of
from tasks.releases import list_releases
from tests.integration.published import content
from tests.integration.same_content import content_differences

pytestmark = pytest.mark.slow
DAYS = days_of(date(2024, 1, 4), date(2024, 1, 6))


def shown(lake: Path) -> list[tuple[int, int | None, date]]:
    releases = list_releases(local_lake(lake), "ecommerce")
    return [(release.release, release.previous, release.run_date) for release in releases]


def test_days_side_by_side_are_as_days_one_by_one_even_after_a_crash(
    small_lake: Path,
    small_bronze: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lake = tmp_path / "lake"

    def backfill(**options: Any) -> list[tuple[date, str, int | None]]:
        found = flows.backfill.backfill(
            "ecommerce", DAYS[0], DAYS[-1], lake=str(lake), bronze=str(small_bronze), **options
        )
        return [(day.run_date, day.status, day.release) for day in found]

    def die_on_the_second_day(run_date: date, **options: Any) -> Any:
        if run_date == DAYS[1]:
            raise MemoryError("out of memory")
        return run_pipeline(run_date=run_date, **options)

    monkeypatch.setattr(flows.backfill, "run_pipeline", die_on_the_second_day)
    with pytest.raises((MemoryError, BackfillError), match="out of memory"):
        backfill(parallel=2)
    assert shown(lake) == [(1, None, DAYS[0])]
    monkeypatch.undo()

    assert backfill(parallel=2) == [
        (DAYS[0], "published before", 1),
        (DAYS[1], "published", 2),
        (DAYS[2], "published", 3),
    ]
    assert shown(lake) == [(1, None, DAYS[0]), (2, 1, DAYS[1]), (3, 2, DAYS[2])]
    assert {status for _, status, _ in backfill()} == {"published before"}
    assert backfill(once=True) == [(DAYS[2], "published before", 3)]
    assert content_differences(content(small_lake, 1), content(lake, 3)) == []
