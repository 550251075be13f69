"""Enriched table `customer_retention_signals`: who may be about to leave, and who needs a nudge.

Money and segments belong in `customer_lifetime_value`.
"""

from __future__ import annotations

import datetime as dt

import polars as pl

from tasks.transforms.calendar_windows import window_start
from tasks.transforms.customer_orders import customers_with_orders
from tasks.transforms.elapsed_time import days_between, in_units_of

_NUDGED_TIER = "bronze"
SOURCES = {  # of columns that are counted, or are keys under another name
    "total_orders": ("orders.*",),
}


def customer_retention_signals(
    orders: pl.LazyFrame,
    customers: pl.LazyFrame,
    *,
    run_date: dt.date,
    churn_days: int = 90,
    danger_zone_days: int = 30,
    nudge_days: int = 14,
    engagement_window_days: int = 90,
) -> pl.LazyFrame:
    """Tell for every customer how long ago they bought and what that may mean.

    Args:
        orders: silver orders.
        customers: one snapshot of the customers.
        run_date: the day that the run stands for, from which days are counted back.
        churn_days: days since the last order at which a customer has churned: the danger zone
            ends before it, and the risk of churn is 1 from it on.
        danger_zone_days: days since the only order from which a customer is in the danger zone.
        nudge_days: a bronze customer needs a nudge after more than so many days.
        engagement_window_days: length of the window, ending with the run date, whose orders the
            engagement score counts.

    Returns:
        One row a customer of the snapshot or of the orders, in no order of rows: customer_id,
        loyalty_tier (NULL if not in the snapshot), total_orders, first_purchase_dt,
        last_purchase_dt, days_since_first_buy, days_since_last_buy (NULL without orders),
        is_in_danger_zone, needs_bronze_nudge (never NULL, false without orders),
        churn_risk_score (Float64 from 0 to 1, NULL without orders), engagement_score (orders,
        Int64), run_date.

    Raises:
        ValueError: if `churn_days` or `engagement_window_days` is not positive.
    """
    if churn_days <= 0:
        raise ValueError(f"churn_days must be positive: {churn_days}")
    engaged_from = window_start(run_date, engagement_window_days)
    is_engaged = pl.col("order_dt").is_between(pl.lit(engaged_from), pl.lit(run_date))
    has_ordered = pl.col("order_count") > 0
    idle_days = pl.col("days_since_last_buy")
    in_danger_zone = (
        (pl.col("order_count") == 1) & (idle_days >= danger_zone_days) & (idle_days < churn_days)
    )
    nudgeable = (pl.col("loyalty_tier") == _NUDGED_TIER) & (idle_days > nudge_days)
    return (
        customers_with_orders(
            orders.select("customer_id", "order_dt"),
            customers,
            attributes=("loyalty_tier",),
            measures=(is_engaged.cast(pl.Int64).sum().alias("engagement_score"),),
        )
        .with_columns(
            days_between(pl.col("first_order_dt"), pl.lit(run_date)).alias("days_since_first_buy"),
            days_between(pl.col("last_order_dt"), pl.lit(run_date)).alias("days_since_last_buy"),
        )
        .select(
            "customer_id",
            "loyalty_tier",
            pl.col("order_count").alias("total_orders"),
            pl.col("first_order_dt").alias("first_purchase_dt"),
            pl.col("last_order_dt").alias("last_purchase_dt"),
            "days_since_first_buy",
            "days_since_last_buy",
            (has_ordered & in_danger_zone.fill_null(False)).alias("is_in_danger_zone"),
            (has_ordered & nudgeable.fill_null(False)).alias("needs_bronze_nudge"),
            pl.when(idle_days >= churn_days)
            .then(pl.lit(1.0))
            .otherwise(in_units_of(idle_days, churn_days))
            .alias("churn_risk_score"),
            pl.col("engagement_score").fill_null(0),
            pl.lit(run_date).alias("run_date"),
        )
    )
