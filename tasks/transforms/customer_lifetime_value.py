"""Enriched table `customer_lifetime_value`: what each customer spent, got back and is worth.

Signals about customers who may leave belong in `customer_retention_signals`.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import polars as pl

from tasks.transforms.customer_orders import customers_with_orders
from tasks.transforms.elapsed_time import days_between
from tasks.transforms.money import as_money
from tasks.transforms.ratios import ratio

_GUEST_PREFIX = "GUEST-"
_KNOWN_BUCKETS = ("high", "medium", "low")
SOURCES = {  # of columns that are counted, or are keys under another name
    "order_count": ("orders.*",),
    "return_count": ("returns.*",),
}


def customer_lifetime_value(
    orders: pl.LazyFrame,
    customers: pl.LazyFrame,
    returns: pl.LazyFrame,
    *,
    run_date: dt.date,
    churn_days: int = 90,
    whale_net_clv: Decimal | float = 500,
    whale_orders: int = 5,
    high_net_clv: Decimal | float = 500,
    medium_net_clv: Decimal | float = 200,
) -> pl.LazyFrame:
    """Sum up every customer's orders and the refunds of those orders, and sort them into segments.

    A refund counts for the customer who placed the order, whoever sent it back.

    Args:
        orders: silver orders.
        customers: one snapshot of the customers.
        returns: silver returns.
        run_date: the day that the run stands for, from which days are counted back.
        churn_days: days since the last order from which a customer has churned.
        whale_net_clv: net lifetime value from which a customer is a whale.
        whale_orders: number of orders from which a customer is a whale.
        high_net_clv: net lifetime value from which the actual bucket is high.
        medium_net_clv: net lifetime value from which the actual bucket is medium.

    Returns:
        One row a customer of the snapshot or of the orders, in no order of rows: customer_id,
        is_guest, order_count, return_count, total_spent, total_refunded, net_clv (money),
        avg_order_value (Float64, NULL without orders), first_order_dt, last_order_dt,
        days_since_last_order, cohort_month (first day of the first order's month; these four
        NULL without orders), customer_segment (no_orders, churned, one_timer, whale or regular),
        predicted_clv_bucket (high, medium, low or unknown), actual_clv_bucket (high, medium or
        low), run_date.
    """
    placed = orders.select(
        "order_id", "customer_id", "order_date", "order_dt", "net_total", "clv_bucket"
    )
    known = customers.select("customer_id", "is_guest", "clv_bucket")
    order_count, net_clv = pl.col("order_count"), pl.col("net_clv")
    bucket = pl.coalesce("clv_bucket", "latest_order_bucket")
    return (
        customers_with_orders(
            placed,
            known,
            attributes=("is_guest", "clv_bucket"),
            measures=(pl.col("net_total").sum().alias("total_spent"),),
        )
        .join(_refunds(placed, returns), on="customer_id", how="left")
        .join(_latest_order_bucket(placed, known), on="customer_id", how="left")
        .with_columns(
            pl.col("return_count").fill_null(0),
            as_money(pl.col("total_spent")),
            as_money(pl.col("total_refunded")),
            days_between(pl.col("last_order_dt"), pl.lit(run_date)).alias("days_since_last_order"),
        )
        .with_columns(as_money(pl.col("total_spent") - pl.col("total_refunded")).alias("net_clv"))
        .select(
            "customer_id",
            pl.coalesce("is_guest", pl.col("customer_id").str.starts_with(_GUEST_PREFIX)),
            "order_count",
            "return_count",
            "total_spent",
            "total_refunded",
            "net_clv",
            ratio(pl.col("total_spent"), order_count).alias("avg_order_value"),
            "first_order_dt",
            "last_order_dt",
            "days_since_last_order",
            pl.col("first_order_dt").dt.truncate("1mo").alias("cohort_month"),
            pl.when(order_count == 0)
            .then(pl.lit("no_orders"))
            .when(pl.col("days_since_last_order") >= churn_days)
            .then(pl.lit("churned"))
            .when(order_count == 1)
            .then(pl.lit("one_timer"))
            .when((net_clv >= _exactly(whale_net_clv)) | (order_count >= whale_orders))
            .then(pl.lit("whale"))
            .otherwise(pl.lit("regular"))
            .alias("customer_segment"),
            pl.when(bucket.is_in(_KNOWN_BUCKETS))
            .then(bucket)
            .otherwise(pl.lit("unknown"))
            .alias("predicted_clv_bucket"),
            pl.when(net_clv >= _exactly(high_net_clv))
            .then(pl.lit("high"))
            .when(net_clv >= _exactly(medium_net_clv))
            .then(pl.lit("medium"))
            .otherwise(pl.lit("low"))
            .alias("actual_clv_bucket"),
            pl.lit(run_date).alias("run_date"),
        )
    )


def _exactly(amount: Decimal | float) -> pl.Expr:
    """An amount as a decimal literal, so that money is never compared as floats."""
    return pl.lit(Decimal(str(amount)))


def _refunds(orders: pl.LazyFrame, returns: pl.LazyFrame) -> pl.LazyFrame:
    """customer_id of the orders, return_count and total_refunded of the returns of those orders."""
    return (
        returns.select("order_id", "refunded_amount")
        .join(orders.select("order_id", "customer_id"), on="order_id", how="inner")
        .group_by("customer_id")
        .agg(
            pl.len().cast(pl.Int64).alias("return_count"),
            pl.col("refunded_amount").sum().alias("total_refunded"),
        )
    )


def _latest_order_bucket(orders: pl.LazyFrame, customers: pl.LazyFrame) -> pl.LazyFrame:
    """customer_id and latest_order_bucket of the customers whose own bucket is not known.

    The latest order is found in two steps, latest moment and then greatest order_id, because a
    first or last row of a sorted group is not the same on every engine.
    """
    with_bucket = customers.filter(pl.col("clv_bucket").is_not_null()).select("customer_id")
    asked = orders.select("customer_id", "order_date", "order_id", "clv_bucket").join(
        with_bucket, on="customer_id", how="anti"
    )
    latest_moment = asked.group_by("customer_id").agg(pl.col("order_date").max())
    latest_order = (
        asked.join(latest_moment, on=["customer_id", "order_date"], how="semi")
        .group_by("customer_id")
        .agg(pl.col("order_id").max())
    )
    return asked.join(latest_order, on=["customer_id", "order_id"], how="semi").select(
        "customer_id", pl.col("clv_bucket").alias("latest_order_bucket")
    )
