"""Ratios that may lack a denominator, and thresholds on ratios tested without dividing.

Belongs here: division into ``Float64`` and exact comparison of a quotient with a parameter.
Does not belong here: money (see ``money``) or windows (see ``calendar_windows``).
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import polars as pl


def ratio(numerator: pl.Expr, denominator: pl.Expr) -> pl.Expr:
    """``numerator / denominator`` as ``Float64``; NULL where the denominator is 0 or NULL."""
    divisor = pl.when(denominator != 0).then(denominator)
    return numerator.cast(pl.Float64) / divisor.cast(pl.Float64)


def exact_fraction(parameter: float) -> Fraction:
    """The number that a parameter's text shows: 1.2 is six fifths, not the nearest double.

    Raises ``ValueError`` or ``OverflowError`` for NaN and infinities.
    """
    return Fraction(Decimal(str(parameter)))


def quotient_below(numerator: pl.Expr, denominator: pl.Expr, limit: float) -> pl.Expr:
    """Whether ``numerator / denominator < limit``, for whole numbers and a denominator >= 0.

    Both sides are multiplied out, so that a quotient that equals the limit is never below it.
    A zero denominator counts as an infinite quotient (nothing is below, 0 / 0 neither).
    """
    quotient, bound = _multiplied_out(numerator, denominator, limit)
    return quotient < bound


def quotient_above(numerator: pl.Expr, denominator: pl.Expr, limit: float) -> pl.Expr:
    """Whether ``numerator / denominator > limit``; the counterpart of ``quotient_below``."""
    quotient, bound = _multiplied_out(numerator, denominator, limit)
    return quotient > bound


def _multiplied_out(
    numerator: pl.Expr, denominator: pl.Expr, limit: float
) -> tuple[pl.Expr, pl.Expr]:
    exact = exact_fraction(limit)
    # A limit of 17 digits times units times days is more than 64 bits hold, and they would wrap.
    wide = numerator.cast(pl.Int128), denominator.cast(pl.Int128)
    return wide[0] * exact.denominator, wide[1] * exact.numerator
