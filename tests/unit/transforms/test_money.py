from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.transforms.money import MONEY, as_money, cents, line_value, rounded_product

CENT = Decimal("0.01")
BIG = "99999999999999.99"


def column(values, dtype=MONEY):
    return pl.Series([None if v is None else Decimal(v) for v in values], dtype=dtype)


def test_a_sum_of_nothing_is_zero_money():
    empty = pl.DataFrame({"x": column([])})
    nulls = pl.DataFrame({"x": column([None, None])})
    for frame in (empty, nulls):
        result = frame.select(as_money(pl.col("x").sum()))
        assert result.schema["x"] == MONEY
        assert result.item() == Decimal("0.00")


def test_a_total_that_does_not_fit_fails_instead_of_becoming_null():
    frame = pl.DataFrame({"x": column(["9999999999999999.99"] * 2)})
    with pytest.raises(pl.exceptions.InvalidOperationError):
        frame.select(as_money(pl.col("x").sum()))


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.decimals("-" + BIG, BIG, places=2),
            st.decimals("-999.999999", "999.999999", places=6),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_a_product_is_exact_and_rounded_once_half_away_from_zero(pairs):
    frame = pl.DataFrame(
        {
            "amount": column([a for a, _ in pairs]),
            "rate": column([r for _, r in pairs], pl.Decimal(9, 6)),
        }
    )
    # ROUND_HALF_UP of decimal is away from zero on both sides.
    expected = [(a * r).quantize(CENT, ROUND_HALF_UP) for a, r in pairs]
    if any(abs(value) >= Decimal(10) ** 16 for value in expected):
        return
    result = frame.select(x=rounded_product(pl.col("amount"), pl.col("rate")))
    assert result.schema["x"] == MONEY
    assert result["x"].to_list() == expected


@pytest.mark.parametrize(
    ("amount", "expected"),
    [("0.10", "0.01"), ("-0.10", "-0.01"), ("0.30", "0.02"), ("0.09", "0.00")],
)
def test_half_a_cent_goes_away_from_zero(amount, expected):
    frame = pl.DataFrame({"a": column([amount]), "r": column(["0.05"], pl.Decimal(9, 6))})
    assert frame.select(rounded_product(pl.col("a"), pl.col("r"))).item() == Decimal(expected)


def test_a_product_just_under_half_a_cent_is_not_rounded_up_on_the_way():
    # 0.00499999: cut to the six digits of the rate first, it would be half a cent.
    frame = pl.DataFrame({"a": column(["0.01"]), "r": column(["0.499999"], pl.Decimal(9, 6))})
    assert frame.select(rounded_product(pl.col("a"), pl.col("r"))).item() == Decimal("0.00")


def test_lines_and_cents_are_exact():
    frame = pl.DataFrame({"q": [3, 10**6, None], "p": column(["0.07", BIG, "1.00"])})
    result = frame.select(value=line_value(pl.col("q"), pl.col("p")), cents=cents(pl.col("p")))
    assert result["value"].to_list() == [Decimal("0.21"), Decimal(BIG) * 10**6, None]
    assert result["cents"].to_list() == [7, 9999999999999999, 100]
