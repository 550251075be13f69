from __future__ import annotations

import datetime as dt
from decimal import Decimal

import polars as pl
import pytest

from tasks.contracts.enriched.customer_lifetime_value import SCHEMA
from tasks.transforms.customer_lifetime_value import customer_lifetime_value
from tests.unit.transforms import silver_rows as silver
from tests.unit.transforms.enriched_checks import breaks

RUN = dt.date(2024, 6, 30)
ORDER = {
    "order_id": "O1",
    "order_date": dt.datetime.fromisoformat("2024-06-29T12:00"),
    "net_total": "10.00",
    "customer_id": "C1",
}


def table(orders=(), customers=()) -> pl.DataFrame:
    frames = (silver.orders(orders), silver.customers(customers), silver.returns([]))
    return SCHEMA.validate(customer_lifetime_value(*frames, run_date=RUN).collect())


WITH_ORDERS = "exactly on customers with orders"


@pytest.mark.parametrize(
    ("column", "value", "check"),
    [
        ("is_guest", None, "not_nullable"),
        ("total_spent", Decimal("-1.00"), "greater_than_or_equal_to(0)"),
        ("total_refunded", Decimal("1.00"), "nothing refunded without returns"),
        ("net_clv", Decimal("9.99"), "net_clv is total_spent less total_refunded"),
        ("avg_order_value", 9.99, "avg_order_value is its numerator over its denominator"),
        ("first_order_dt", RUN, "first_order_dt not after last_order_dt"),
        ("last_order_dt", None, f"last_order_dt {WITH_ORDERS}"),
        (
            "days_since_last_order",
            2,
            "days_since_last_order counts from last_order_dt to run_date",
        ),
        (
            "cohort_month",
            dt.date(2024, 6, 2),
            "cohort_month is the first day of the month of first_order_dt",
        ),
        ("customer_segment", "no_orders", "no_orders exactly without orders"),
        ("customer_segment", "whale", "whale and regular only with several orders"),
        (
            "customer_segment",
            "loyal",
            "isin(['no_orders', 'churned', 'one_timer', 'whale', 'regular'])",
        ),
        ("predicted_clv_bucket", None, "not_nullable"),
        ("actual_clv_bucket", "unknown", "isin(['high', 'medium', 'low'])"),
    ],
)
def test_the_schema_names_what_is_wrong_with_a_buyer(column, value, check):
    good = table(orders=[ORDER])
    bad = good.with_columns(pl.lit(value, dtype=good.schema[column]).alias(column))
    breaks(SCHEMA, bad, column, check)


@pytest.mark.parametrize(
    ("column", "value", "check"),
    [
        ("return_count", 1, "no returns without orders"),
        ("total_spent", Decimal("1.00"), "nothing spent without orders"),
        ("first_order_dt", RUN, f"first_order_dt {WITH_ORDERS}"),
        ("cohort_month", dt.date(2024, 6, 1), f"cohort_month {WITH_ORDERS}"),
        ("days_since_last_order", 0, f"days_since_last_order {WITH_ORDERS}"),
        ("customer_segment", "churned", "no_orders exactly without orders"),
        ("customer_segment", "one_timer", "one_timer only with exactly one order"),
    ],
)
def test_the_schema_names_what_is_wrong_with_a_customer_without_orders(column, value, check):
    good = table(customers=[{"customer_id": "C1"}])
    bad = good.with_columns(pl.lit(value, dtype=good.schema[column]).alias(column))
    breaks(SCHEMA, bad, column, check)
