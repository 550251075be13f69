"""The schema of ``customer_retention_signals``: a row a customer."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from tasks.contracts.enriched import column_kinds as kinds
from tasks.contracts.enriched.row_rules import days_counted, exactly_where, rule

GRAIN: tuple[str, ...] = ("customer_id",)

_HAS_ORDERED = pl.col("total_orders") > 0
_WITH_ORDERS = "customers with orders"

SCHEMA = pa.DataFrameSchema(
    {
        "customer_id": kinds.text(),
        "loyalty_tier": kinds.text(nullable=True),
        "total_orders": kinds.whole(),
        "first_purchase_dt": pa.Column(
            pl.Date,
            [
                exactly_where(_HAS_ORDERED, "first_purchase_dt", _WITH_ORDERS),
                rule(
                    "first_purchase_dt not after last_purchase_dt",
                    (pl.col("first_purchase_dt") <= pl.col("last_purchase_dt")).fill_null(True),
                ),
            ],
            nullable=True,
        ),
        "last_purchase_dt": pa.Column(
            pl.Date,
            exactly_where(_HAS_ORDERED, "last_purchase_dt", _WITH_ORDERS),
            nullable=True,
        ),
        "days_since_first_buy": kinds.whole(
            exactly_where(_HAS_ORDERED, "days_since_first_buy", _WITH_ORDERS),
            days_counted("days_since_first_buy", since="first_purchase_dt"),
            nullable=True,
        ),
        "days_since_last_buy": kinds.whole(
            exactly_where(_HAS_ORDERED, "days_since_last_buy", _WITH_ORDERS),
            days_counted("days_since_last_buy", since="last_purchase_dt"),
            nullable=True,
        ),
        "is_in_danger_zone": kinds.flag(
            rule(
                "is_in_danger_zone only with exactly one order",
                ~pl.col("is_in_danger_zone") | (pl.col("total_orders") == 1),
            )
        ),
        "needs_bronze_nudge": kinds.flag(
            rule(
                "needs_bronze_nudge only with orders", ~pl.col("needs_bronze_nudge") | _HAS_ORDERED
            ),
            rule(
                "needs_bronze_nudge only in the bronze tier",
                ~pl.col("needs_bronze_nudge") | pl.col("loyalty_tier").eq_missing(pl.lit("bronze")),
            ),
        ),
        "churn_risk_score": kinds.number(
            pa.Check.in_range(0, 1),
            exactly_where(_HAS_ORDERED, "churn_risk_score", _WITH_ORDERS),
            nullable=True,
        ),
        "engagement_score": kinds.whole(
            rule(
                "engagement_score no more than total_orders",
                pl.col("engagement_score") <= pl.col("total_orders"),
            )
        ),
        "run_date": kinds.run_day(),
    },
    name="customer_retention_signals",
    strict=True,
    ordered=True,
)
