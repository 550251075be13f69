"""Exact lengths of time between two moments or two days, as expressions over whole microseconds.

Durations are not used on purpose: their accessors do not exist on every engine that these
expressions have to run on, whole numbers do. Windows of days and gap filling do not belong here.
"""

from __future__ import annotations

import polars as pl

MICROSECONDS_PER_HOUR = 3_600_000_000
MICROSECONDS_PER_DAY = 24 * MICROSECONDS_PER_HOUR


def microseconds(moment: pl.Expr) -> pl.Expr:
    """Microseconds since 1970 (Int64) of a Datetime, or of a Date's first midnight."""
    return moment.cast(pl.Datetime("us")).cast(pl.Int64)


def microseconds_of(hours: float) -> int:
    """A number of hours in whole microseconds.

    Raises:
        ValueError: if the number of hours is negative.
    """
    if hours < 0:
        raise ValueError(f"a number of hours cannot be negative: {hours}")
    return round(hours * MICROSECONDS_PER_HOUR)


def hours_between(start: pl.Expr, end: pl.Expr) -> pl.Expr:
    """Hours (Float64) from one moment to another; negative if the end comes first."""
    return in_units_of(microseconds(end) - microseconds(start), MICROSECONDS_PER_HOUR)


def days_between(start: pl.Expr, end: pl.Expr) -> pl.Expr:
    """Whole days (Int64) from one Date to another; negative if the end comes first."""
    return (microseconds(end) - microseconds(start)) // MICROSECONDS_PER_DAY


def in_units_of(whole: pl.Expr, unit: int) -> pl.Expr:
    """Whole numbers (Int64) divided by a constant, to the nearest Float64.

    Polars divides a column by a constant through the constant's reciprocal, except where only one
    row comes at a time, so that the last bit would depend on how the rows are split. Divided by a
    column, the quotient is always the nearest one.
    """
    return whole / (whole * 0 + unit)
