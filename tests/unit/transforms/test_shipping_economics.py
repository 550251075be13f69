from __future__ import annotations

import datetime as dt
from decimal import Decimal
from random import Random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.contracts.enriched.shipping_economics import GRAIN, SCHEMA
from tasks.transforms.shipping_economics import shipping_economics
from tests.unit.transforms import silver_rows as silver
from tests.unit.transforms.enriched_checks import MONEY, breaks, computed, same_in_any_order

RUN = dt.date(2024, 1, 14)
DAY = dt.date(2024, 1, 10)


def order(order_id="O1", **more):
    return {"order_id": order_id, "order_dt": DAY, **more}


def run(rows, **parameters):
    frame = shipping_economics(orders=silver.orders(rows), run_date=RUN, **parameters)
    return computed(frame, SCHEMA, GRAIN)


def test_columns_and_types_also_without_orders():
    assert dict(run([]).schema) == {
        "order_id": pl.String,
        "order_dt": pl.Date,
        "order_channel": pl.String,
        "shipping_speed": pl.String,
        "is_expedited": pl.Boolean,
        "shipping_cost": MONEY,
        "actual_shipping_cost": MONEY,
        "shipping_margin": MONEY,
        "shipping_margin_rate": pl.Float64,
        "run_date": pl.Date,
    }


@pytest.mark.parametrize(
    ("speed", "expedited"),
    [
        ("two-day", True),
        ("overnight", True),
        ("standard", False),
        ("two day", False),
        (None, False),
    ],
)
@pytest.mark.parametrize("source_flag", [True, False, None])
def test_expedited_follows_the_speed_and_not_the_flag_of_the_source(speed, expedited, source_flag):
    result = run([order(shipping_speed=speed, is_expedited=source_flag)])
    assert result.select("shipping_speed", "is_expedited").rows() == [(speed, expedited)]


@pytest.mark.parametrize(
    ("charged", "actual", "margin", "rate"),
    [
        ("10.00", "7.50", "2.50", 0.25),
        ("8.00", "10.00", "-2.00", -0.25),  # a loss
        ("0.00", "4.00", "-4.00", None),  # free for the customer: no rate
        ("5.00", "0.00", "5.00", 1.0),
        ("5.00", None, None, None),
        (None, "5.00", None, None),
        (None, None, None, None),
    ],
)
def test_margin_and_rate(charged, actual, margin, rate):
    (row,) = run([order(shipping_cost=charged, actual_shipping_cost=actual)]).rows(named=True)
    assert row["shipping_margin"] == (None if margin is None else Decimal(margin))
    assert row["shipping_margin_rate"] == rate


def test_a_channel_that_is_null_stays_null_in_a_table_of_orders():
    result = run([order("O1"), order("O2", order_channel="web")])
    assert result.select("order_id", "order_dt", "order_channel", "run_date").rows() == [
        ("O1", DAY, None, RUN),
        ("O2", DAY, "web", RUN),
    ]


def test_the_expedited_speeds_are_a_parameter():
    rows = [order(shipping_speed="drone")]
    assert run(rows, expedited_speeds=["drone"])["is_expedited"].to_list() == [True]


cost = st.none() | st.decimals("0", "9999999999999999.99", places=2)


@settings(deadline=None, max_examples=30)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "shipping_cost": cost,
                "actual_shipping_cost": cost,
                "shipping_speed": st.sampled_from([None, "two-day", "standard"]),
            }
        ),
        max_size=10,
    ),
    st.randoms(use_true_random=False),
)
def test_agrees_with_plain_python_in_any_order_of_rows(rows, random: Random):
    orders = [order(f"O{n}", **row) for n, row in enumerate(rows)]
    for found, source in zip(run(orders).rows(named=True), orders, strict=True):
        charged, actual = source["shipping_cost"], source["actual_shipping_cost"]
        if charged is None or actual is None:
            assert found["shipping_margin"] is None
            assert found["shipping_margin_rate"] is None
        else:
            assert found["shipping_margin"] == charged - actual
            if charged:
                expected = float((charged - actual) / charged)
                assert found["shipping_margin_rate"] == pytest.approx(expected, rel=1e-9, abs=1e-9)
    same_in_any_order(
        lambda **tables: shipping_economics(**tables, run_date=RUN),
        {"orders": silver.orders(orders)},
        random,
        GRAIN,
    )


def test_the_schema_names_what_is_wrong():
    result = run([order(shipping_cost="10.00", actual_shipping_cost="7.50")])
    margin = result.with_columns(shipping_margin=pl.lit(Decimal("2.51")).cast(MONEY))
    breaks(SCHEMA, margin, "shipping_margin", "margin is charged less actual cost")
    missing = result.with_columns(shipping_margin=pl.lit(None, dtype=MONEY))
    breaks(SCHEMA, missing, "shipping_margin", "margin is charged less actual cost")
    breaks(
        SCHEMA, result.with_columns(is_expedited=True), "is_expedited", "expedited needs a speed"
    )
