from __future__ import annotations

import datetime as dt
from decimal import Decimal

import polars as pl
import pytest

from tasks.contracts.enriched.attributed_purchases import SCHEMA
from tasks.transforms.attributed_purchases import attributed_purchases
from tests.unit.transforms import silver_rows as silver
from tests.unit.transforms.enriched_checks import breaks

RUN = dt.date(2024, 1, 14)
NOON = dt.datetime.fromisoformat("2024-01-10T12:00")
MICROSECOND = dt.timedelta(microseconds=1)
ORDER = {"order_id": "O1", "customer_id": "C1", "order_date": NOON, "net_total": "10.00"}
CART = {
    "cart_id": "K1",
    "customer_id": "C1",
    "created_at": dt.datetime.fromisoformat("2024-01-10T07:00"),
    "cart_total": "20.00",
}


def table(carts) -> pl.DataFrame:
    frames = (silver.orders([ORDER]), silver.shopping_carts(carts), silver.cart_items([]))
    return SCHEMA.validate(attributed_purchases(*frames, run_date=RUN).collect())


@pytest.mark.parametrize(
    ("column", "value", "check"),
    [
        ("order_dt", dt.date(2024, 1, 15), "order_dt is not after run_date"),
        ("net_total", Decimal("-0.01"), "greater_than_or_equal_to(0)"),
        ("order_id", None, "not_nullable"),
        ("cart_created_at", None, "cart_created_at exactly on attributed orders"),
        ("cart_created_at", NOON + MICROSECOND, "cart_created_at not after order_date"),
        ("hours_to_purchase", None, "hours_to_purchase exactly on attributed orders"),
        ("hours_to_purchase", -0.5, "greater_than_or_equal_to(0)"),
        ("hours_to_purchase", float("nan"), "is finite"),
        ("is_attributed", False, "is_attributed exactly with a cart"),
    ],
)
def test_the_schema_names_what_is_wrong_with_an_attributed_order(column, value, check):
    good = table([CART])
    bad = good.with_columns(pl.lit(value, dtype=good.schema[column]).alias(column))
    breaks(SCHEMA, bad, column, check)


@pytest.mark.parametrize(
    ("column", "value", "check"),
    [
        ("cart_total", Decimal("1.00"), "cart_total only on attributed orders"),
        ("hours_to_purchase", 1.0, "hours_to_purchase exactly on attributed orders"),
        ("cart_created_at", NOON, "cart_created_at exactly on attributed orders"),
        ("is_attributed", True, "is_attributed exactly with a cart"),
        ("is_recovered", True, "is_recovered only on attributed orders"),
    ],
)
def test_the_schema_names_what_is_wrong_with_an_order_without_a_cart(column, value, check):
    good = table([])
    bad = good.with_columns(pl.lit(value, dtype=good.schema[column]).alias(column))
    breaks(SCHEMA, bad, column, check)
