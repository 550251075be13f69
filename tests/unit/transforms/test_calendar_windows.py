from __future__ import annotations

import datetime as dt

import polars as pl
import pytest

from tasks.transforms.calendar_windows import (
    days_before_day,
    days_to_day,
    every_day,
    sum_before_day,
    sum_to_day,
    window_start,
)

RUN = dt.date(2024, 3, 1)


def ago(days):
    return RUN - dt.timedelta(days=days)


def test_each_key_gets_every_day_from_its_first_to_the_run_date():
    days = pl.LazyFrame({"key": ["b", "a", "a"], "day": [RUN, ago(1), ago(3)]})
    filled = every_day(days, day="day", run_date=RUN, by=["key"]).collect().sort("key", "day")
    assert filled.rows() == [
        ("a", ago(3)),
        ("a", ago(2)),  # 28 February of a leap year
        ("a", dt.date(2024, 2, 29)),
        ("a", RUN),
        ("b", RUN),
    ]


@pytest.mark.parametrize("by", [[], ["key"]])
@pytest.mark.parametrize("days", [[], [None], [RUN + dt.timedelta(days=1)]])
def test_a_series_without_a_day_up_to_the_run_date_has_no_rows(by, days):
    frame = pl.LazyFrame(
        {"key": ["a"] * len(days), "day": days}, schema={"key": pl.String, "day": pl.Date}
    ).select(*by, "day")
    filled = every_day(frame, day="day", run_date=RUN, by=by).collect()
    assert filled.height == 0
    assert filled.schema == frame.collect_schema()


def test_windows_follow_the_days_and_not_the_order_of_rows():
    frame = pl.DataFrame(
        {"key": ["a", "b", "a", "a"], "day": [RUN, RUN, ago(2), ago(1)], "x": [4, 8, 1, 2]}
    ).lazy()
    by = {"day": "day", "by": ["key"]}
    x = pl.col("x")
    result = frame.select(
        "key",
        "day",
        to=sum_to_day(x, 2, **by),
        days=days_to_day(2, **by),
        before=sum_before_day(x, 2, **by),
        all_before=days_before_day(**by),
    ).collect()
    assert result.sort("key", "day").rows() == [
        ("a", ago(2), 1, 1, None, 0),
        ("a", ago(1), 3, 2, 1, 1),
        ("a", RUN, 6, 2, 3, 2),
        ("b", RUN, 8, 1, None, 0),
    ]


def test_the_last_days_include_the_run_date():
    assert window_start(RUN, 1) == RUN
    assert window_start(RUN, 28) == dt.date(2024, 2, 3)


def test_a_window_without_days_is_refused():
    for build in (
        lambda: window_start(RUN, 0),
        lambda: sum_to_day(pl.col("x"), 0, day="day"),
        lambda: days_to_day(0, day="day"),
        lambda: sum_before_day(pl.col("x"), -1, day="day"),
    ):
        with pytest.raises(ValueError, match="at least one day"):
            build()
