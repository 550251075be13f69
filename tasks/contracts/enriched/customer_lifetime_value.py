"""The schema of ``customer_lifetime_value``: a row a customer."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from tasks.contracts.enriched import column_kinds as kinds
from tasks.contracts.enriched.row_rules import days_counted, exactly_where, rule

GRAIN: tuple[str, ...] = ("customer_id",)

_HAS_ORDERED = pl.col("order_count") > 0
_SEGMENT = pl.col("customer_segment")
_WITH_ORDERS = "customers with orders"

SCHEMA = pa.DataFrameSchema(
    {
        "customer_id": kinds.text(),
        "is_guest": kinds.flag(),
        "order_count": kinds.whole(),
        "return_count": kinds.whole(
            rule("no returns without orders", (pl.col("return_count") == 0) | _HAS_ORDERED)
        ),
        "total_spent": kinds.money(
            rule("nothing spent without orders", (pl.col("total_spent") == 0) | _HAS_ORDERED)
        ),
        "total_refunded": kinds.money(
            rule(
                "nothing refunded without returns",
                (pl.col("total_refunded") == 0) | (pl.col("return_count") > 0),
            )
        ),
        "net_clv": kinds.signed_money(
            rule(
                "net_clv is total_spent less total_refunded",
                pl.col("net_clv") == pl.col("total_spent") - pl.col("total_refunded"),
            )
        ),
        "avg_order_value": kinds.quotient(
            "avg_order_value", pl.col("total_spent"), pl.col("order_count")
        ),
        "first_order_dt": pa.Column(
            pl.Date,
            [
                exactly_where(_HAS_ORDERED, "first_order_dt", _WITH_ORDERS),
                rule(
                    "first_order_dt not after last_order_dt",
                    (pl.col("first_order_dt") <= pl.col("last_order_dt")).fill_null(True),
                ),
            ],
            nullable=True,
        ),
        "last_order_dt": pa.Column(
            pl.Date,
            exactly_where(_HAS_ORDERED, "last_order_dt", _WITH_ORDERS),
            nullable=True,
        ),
        "days_since_last_order": kinds.whole(
            exactly_where(_HAS_ORDERED, "days_since_last_order", _WITH_ORDERS),
            days_counted("days_since_last_order", since="last_order_dt"),
            nullable=True,
        ),
        "cohort_month": pa.Column(
            pl.Date,
            [
                exactly_where(_HAS_ORDERED, "cohort_month", _WITH_ORDERS),
                rule(
                    "cohort_month is the first day of the month of first_order_dt",
                    pl.col("cohort_month").eq_missing(pl.col("first_order_dt").dt.month_start()),
                ),
            ],
            nullable=True,
        ),
        "customer_segment": kinds.text(
            pa.Check.isin(["no_orders", "churned", "one_timer", "whale", "regular"]),
            rule("no_orders exactly without orders", (_SEGMENT == "no_orders") != _HAS_ORDERED),
            rule(
                "one_timer only with exactly one order",
                (_SEGMENT != "one_timer") | (pl.col("order_count") == 1),
            ),
            rule(
                "whale and regular only with several orders",
                ~_SEGMENT.is_in(["whale", "regular"]) | (pl.col("order_count") > 1),
            ),
        ),
        "predicted_clv_bucket": kinds.label("high", "medium", "low", "unknown"),
        "actual_clv_bucket": kinds.label("high", "medium", "low"),
        "run_date": kinds.run_day(),
    },
    name="customer_lifetime_value",
    strict=True,
    ordered=True,
)
