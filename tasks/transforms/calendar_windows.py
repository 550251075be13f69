"""Daily series without gaps, and windows of calendar days over them.

Belongs here: filling the days between a first day and the run date, and sums over the days that
end at, or just before, each day. Does not belong here: what is summed, and ratios of the sums.

The window expressions count rows, which are days only in a series from ``every_day``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import polars as pl


def every_day(
    days: pl.LazyFrame, *, day: str, run_date: dt.date, by: Sequence[str] = ()
) -> pl.LazyFrame:
    """Every day from the first in ``days`` to ``run_date``, for each key ``by``.

    ``days`` has the columns ``by`` and ``day`` (Date). The result has the same columns, one row
    a key and day; a key whose first day lies after ``run_date``, or that has none, has no row.
    """
    first = pl.col(day).min()
    starts = days.group_by(by).agg(first) if by else days.select(first)
    return (
        # NULL is not <= anything: the filter also drops the lone NULL that an empty series gives.
        starts.filter(pl.col(day) <= run_date)
        .with_columns(pl.date_ranges(day, pl.lit(run_date)).alias(day))
        .explode(day)
    )


def window_start(run_date: dt.date, days: int) -> dt.date:
    """The first of the ``days`` calendar days that end with ``run_date``."""
    _require_days(days)
    return run_date - dt.timedelta(days=days - 1)


def sum_to_day(values: pl.Expr, days: int, *, day: str, by: Sequence[str] = ()) -> pl.Expr:
    """Sum of whole numbers over the ``days`` days that end with each day, fewer at the start."""
    _require_days(days)
    return _over(values.rolling_sum(days, min_samples=1), day, by)


def days_to_day(days: int, *, day: str, by: Sequence[str] = ()) -> pl.Expr:
    """How many days ``sum_to_day`` found for each day: 1 to ``days`` (Int64)."""
    _require_days(days)
    existing = pl.col(day).cum_count().cast(pl.Int64)
    return pl.min_horizontal(_over(existing, day, by), pl.lit(days, dtype=pl.Int64))


def sum_before_day(values: pl.Expr, days: int, *, day: str, by: Sequence[str] = ()) -> pl.Expr:
    """Sum of whole numbers over the ``days`` days before each day; NULL on the first day."""
    _require_days(days)
    return _over(values.rolling_sum(days, min_samples=1).shift(1), day, by)


def days_before_day(*, day: str, by: Sequence[str] = ()) -> pl.Expr:
    """How many days of the series lie before each day, however long ago (Int64)."""
    return _over(pl.col(day).cum_count().cast(pl.Int64) - 1, day, by)


def _over(values: pl.Expr, day: str, by: Sequence[str]) -> pl.Expr:
    return values.over(list(by) or None, order_by=day)


def _require_days(days: int) -> None:
    if days < 1:
        raise ValueError(f"a window must hold at least one day, not {days}")
