"""What the schemas of the enriched tables share: their dtypes and the form of a cross-column rule.

No table's own columns or rules belong in here.
"""

from __future__ import annotations

from typing import Any

import pandera.polars as pa
import polars as pl

MONEY = pl.Decimal(18, 2)
TIMESTAMP = pl.Datetime("us")


def rule(name: str, holds: pl.Expr) -> pa.Check:
    """A check of one row that may look at several of its columns.

    Put it among the checks of the column that would be wrong: a column's check is reported with
    the column's name and value, a check of the whole frame is not.

    Args:
        name: what the report calls the rule, as a sentence that is true of good rows.
        holds: a boolean expression over the table's columns. NULL counts as broken.
    """

    def outcome(data: Any) -> pl.LazyFrame:
        frame: pl.LazyFrame = data.lazyframe
        return frame.select(holds.alias(name))

    return pa.Check(outcome, name=name, error=name, ignore_na=False)


def exactly_where(holds: pl.Expr, column: str, rows: str) -> pa.Check:
    """The rule that `column` has a value where `holds` is true and is NULL where it is not.

    Args:
        holds: a boolean expression over the table's columns, never NULL.
        column: the column that the rule is about.
        rows: what the report calls the rows where `holds` is true, in the plural.
    """
    return rule(f"{column} exactly on {rows}", pl.col(column).is_not_null() == holds)


def days_counted(days: str, *, since: str) -> pa.Check:
    """The rule that `days` is the number of days from `since` to run_date, NULL if that is."""
    counted = (pl.col("run_date") - pl.col(since)).dt.total_days()
    return rule(f"{days} counts from {since} to run_date", pl.col(days).eq_missing(counted))
