from __future__ import annotations

import datetime as dt

import polars as pl
import pytest

from tasks.transforms.elapsed_time import (
    days_between,
    hours_between,
    in_units_of,
    microseconds_of,
)

NEW_YEAR = dt.datetime.fromisoformat("2024-01-01T00:00")


def measured(measure, start, end):
    return pl.select(measure(pl.lit(start), pl.lit(end))).to_series()


@pytest.mark.parametrize(
    ("gap", "hours"),
    [
        (dt.timedelta(0), 0.0),
        (dt.timedelta(minutes=90), 1.5),
        (dt.timedelta(days=2), 48.0),
        (-dt.timedelta(minutes=30), -0.5),
        (dt.timedelta(microseconds=36), 1e-8),
    ],
)
def test_hours_have_a_sign_and_a_fraction(gap, hours):
    result = measured(hours_between, NEW_YEAR, NEW_YEAR + gap)
    assert result.dtype == pl.Float64
    assert result.item() == pytest.approx(hours, rel=1e-12)


@pytest.mark.parametrize(
    ("start", "end", "days"),
    [
        ("2024-02-28", "2024-03-01", 2),
        ("2023-02-28", "2023-03-01", 1),
        ("2024-01-01", "2024-01-01", 0),
        ("2024-01-02", "2024-01-01", -1),
        ("1969-12-31", "1970-01-01", 1),
    ],
)
def test_days_are_calendar_days(start, end, days):
    result = measured(days_between, dt.date.fromisoformat(start), dt.date.fromisoformat(end))
    assert result.dtype == pl.Int64
    assert result.item() == days


def test_an_unknown_moment_is_at_no_distance():
    unknown = pl.lit(None, dtype=pl.Date)
    assert pl.select(days_between(unknown, pl.lit(NEW_YEAR.date()))).item() is None
    assert pl.select(hours_between(unknown, pl.lit(NEW_YEAR))).item() is None


@pytest.mark.parametrize(("hours", "expected"), [(0, 0), (48, 172_800_000_000), (0.1, 360_000_000)])
def test_hours_in_microseconds(hours, expected):
    assert microseconds_of(hours) == expected


def test_negative_hours_are_refused():
    with pytest.raises(ValueError, match="negative: -1"):
        microseconds_of(-1)


@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
@pytest.mark.parametrize("rows", [1, 2, 3, 1000])
def test_quotients_do_not_depend_on_how_the_rows_are_split(rows, engine):
    wholes = [107_234_099_059 + 7919 * number for number in range(rows)]
    frame = pl.LazyFrame({"whole": [*wholes, None]})
    for unit in (3_600_000_000, 90, 7):
        result = frame.select(in_units_of(pl.col("whole"), unit)).collect(engine=engine)
        assert result.to_series().to_list() == [*(whole / unit for whole in wholes), None]
