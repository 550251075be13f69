"""Exact money: decimal totals, decimal products, and the cast back to cents.

Belongs here: what every enriched table needs to keep money in ``Decimal`` from the first row to
the last. Does not belong here: ratios of money (see ``ratios``), or any formula of one table.
"""

from __future__ import annotations

import polars as pl

MONEY = pl.Decimal(18, 2)

# Cents times a rate of six digits has eight digits after the point. Polars keeps the larger of
# the two scales and rounds to it, so both factors must be widened before they are multiplied.
_PRODUCT = pl.Decimal(38, 8)


def as_money(amount: pl.Expr) -> pl.Expr:
    """``amount`` (a decimal with whole cents) as ``Decimal(18, 2)``, NULL as 0.

    A total that does not fit 18 digits fails the query instead of becoming NULL.
    """
    return amount.fill_null(0).cast(MONEY)


def line_value(quantity: pl.Expr, price: pl.Expr) -> pl.Expr:
    """Whole ``quantity`` times ``price`` (money): exact, since units have no fraction."""
    return quantity * price


def rounded_product(amount: pl.Expr, rate: pl.Expr) -> pl.Expr:
    """``amount`` (money) times ``rate`` (a decimal of up to six digits after the point).

    The product is exact; it is rounded once, half away from zero, to ``Decimal(18, 2)``.
    """
    exact = amount.cast(_PRODUCT) * rate.cast(_PRODUCT)
    return exact.round(2, mode="half_away_from_zero").cast(MONEY)


def cents(amount: pl.Expr) -> pl.Expr:
    """``amount`` (money) as whole cents in 128 bits, wide enough for sums of squares."""
    return (amount * 100).cast(pl.Int128)
