from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import polars as pl
import pytest

from tasks.transforms.ratios import exact_fraction, quotient_above, quotient_below, ratio


def test_a_ratio_without_a_denominator_is_null():
    frame = pl.DataFrame({"n": [1, 0, 1, None, 0], "d": [4, 0, None, 2, 5]})
    result = frame.select(x=ratio(pl.col("n"), pl.col("d")))
    assert result.schema["x"] == pl.Float64
    assert result["x"].to_list() == [0.25, None, None, None, 0.0]


def test_a_ratio_of_money_is_not_rounded_to_cents():
    frame = pl.DataFrame(
        {"n": [Decimal("1.00")], "d": [Decimal("3.00")]}, schema_overrides={"n": pl.Decimal(18, 2)}
    )
    assert frame.select(ratio(pl.col("n"), pl.col("d"))).item() == pytest.approx(1 / 3, rel=1e-15)


def test_a_parameter_is_the_number_that_its_text_shows():
    assert exact_fraction(1.2) == Fraction(6, 5)
    assert exact_fraction(7) == 7
    with pytest.raises((ValueError, OverflowError)):
        exact_fraction(float("nan"))
    with pytest.raises((ValueError, OverflowError)):
        exact_fraction(float("inf"))


@pytest.mark.parametrize(
    ("numerator", "denominator", "below", "above"),
    [(11, 10, True, False), (12, 10, False, False), (13, 10, False, True), (0, 0, False, False)],
)
def test_a_quotient_equal_to_the_limit_is_neither_below_nor_above(
    numerator, denominator, below, above
):
    n, d = pl.lit(numerator), pl.lit(denominator)
    assert pl.select(quotient_below(n, d, 1.2)).item() is below
    assert pl.select(quotient_above(n, d, 1.2)).item() is above


def test_a_limit_with_many_digits_does_not_overflow():
    n, d = pl.lit(12 * 10**12), pl.lit(10**13)
    assert pl.select(quotient_below(n, d, 1.2000000000000002)).item() is True
    assert pl.select(quotient_above(n, d, 1.1999999999999997)).item() is True
