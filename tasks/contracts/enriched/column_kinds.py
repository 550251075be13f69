"""The kinds of column that the schemas of enriched tables are made of.

Belongs here: dtype, nullability and range of a kind (money, a count, a rate, a day), and the rules
that any rate or day obeys. Does not belong here: a table's own columns, or rules between them.
"""

from __future__ import annotations

from typing import Any

import pandera.polars as pa
import polars as pl

from tasks.contracts.enriched.row_rules import MONEY, rule

_TOLERANCE = 1e-9


def text(*checks: pa.Check, nullable: bool = False) -> pa.Column:
    """A string column."""
    return pa.Column(pl.String, checks=list(checks), nullable=nullable)


def label(*allowed: str) -> pa.Column:
    """A string column that holds one of ``allowed``."""
    return text(pa.Check.isin(list(allowed)))


def whole(*checks: pa.Check, nullable: bool = False) -> pa.Column:
    """A count, a number of units or an id (Int64), never negative."""
    return pa.Column(pl.Int64, checks=[pa.Check.ge(0), *checks], nullable=nullable)


def money(*checks: pa.Check, nullable: bool = False) -> pa.Column:
    """An amount that is never negative, such as a revenue or a refund."""
    return pa.Column(MONEY, checks=[pa.Check.ge(0), *checks], nullable=nullable)


def signed_money(*checks: pa.Check, nullable: bool = False) -> pa.Column:
    """An amount that may be negative, such as a margin."""
    return pa.Column(MONEY, checks=list(checks), nullable=nullable)


def number(*checks: pa.Check, nullable: bool = False) -> pa.Column:
    """A rate, mean or deviation (Float64): never NaN, never infinite."""
    return pa.Column(pl.Float64, checks=[_finite(), *checks], nullable=nullable)


def quotient(name: str, numerator: pl.Expr, denominator: pl.Expr) -> pa.Column:
    """The column ``name``: ``numerator / denominator``, NULL exactly where that has no value."""
    return number(
        rule(
            f"{name} is its numerator over its denominator",
            is_quotient(pl.col(name), numerator, denominator),
        ),
        nullable=True,
    )


def flag(*checks: pa.Check) -> pa.Column:
    """A boolean that is never NULL."""
    return pa.Column(pl.Boolean, checks=list(checks))


def past_day(name: str) -> pa.Column:
    """The column ``name``: a date that is not after the row's ``run_date``."""
    not_after = rule(f"{name} is not after run_date", pl.col(name) <= pl.col("run_date"))
    return pa.Column(pl.Date, checks=[not_after])


def run_day() -> pa.Column:
    """The run date that ends every enriched table."""
    return pa.Column(pl.Date)


def is_quotient(value: pl.Expr, numerator: pl.Expr, denominator: pl.Expr) -> pl.Expr:
    """Whether ``value`` is ``numerator / denominator`` to 1e-9, and NULL if that has no value."""
    top, bottom = numerator.cast(pl.Float64), denominator.cast(pl.Float64)
    scale = pl.max_horizontal(top.abs(), pl.lit(1.0))
    return (
        pl.when((bottom != 0) & top.is_not_null())
        .then((value * bottom - top).abs() <= _TOLERANCE * scale)
        .otherwise(value.is_null())
    )


def _finite() -> pa.Check:
    def outcome(data: Any) -> pl.LazyFrame:
        frame: pl.LazyFrame = data.lazyframe
        return frame.select(pl.col(data.key).is_finite())

    return pa.Check(outcome, name="is finite", error="is finite")
