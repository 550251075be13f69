"""How old is too old."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tasks.contracts.spec import FreshnessLimits
from tasks.freshness import judge_freshness

NOW = datetime(2024, 1, 14, 6, tzinfo=UTC)
DAILY = FreshnessLimits(landed_hours=24, published_hours=30)


@pytest.mark.parametrize(
    ("landed", "published", "fresh", "missed"),
    [
        (24, 30, True, 0),
        (24.01, 30, False, 1),
        (25, 31, False, 2),
        (None, 30, True, 0),
        (None, None, None, 0),
    ],
)
def test_the_limit_itself_is_fresh(
    landed: float | None, published: float | None, fresh: bool | None, missed: int
) -> None:
    moments = [None if age is None else NOW - timedelta(hours=age) for age in (landed, published)]
    found = judge_freshness(DAILY, landed_at=moments[0], published_at=moments[1], now=NOW)
    assert (found.fresh, len(found.missed)) == (fresh, missed)


def test_without_limits_nothing_is_judged() -> None:
    found = judge_freshness(
        FreshnessLimits(), landed_at=NOW - timedelta(days=99), published_at=None, now=NOW
    )
    assert (found.fresh, found.missed) == (None, ())


def test_what_is_missed_is_told() -> None:
    found = judge_freshness(DAILY, landed_at=NOW - timedelta(hours=49), published_at=NOW, now=NOW)
    assert found.missed == ("the newest batch landed 49 hours ago, at most 24 are asked for",)
