"""Shipping economics: what each order's shipping was charged for and what it cost.

Belongs here: the formulas of the table ``shipping_economics``. Does not belong here: sums over
orders, which gold makes.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import polars as pl

from tasks.transforms.money import MONEY
from tasks.transforms.ratios import ratio


def shipping_economics(
    orders: pl.LazyFrame,
    *,
    run_date: dt.date,
    expedited_speeds: Sequence[str] = ("two-day", "overnight"),
) -> pl.LazyFrame:
    """One row an order.

    Reads orders (order_id, order_dt, order_channel, shipping_speed, shipping_cost,
    actual_shipping_cost). Returns order_id, order_dt, order_channel, shipping_speed, is_expedited
    (from the speed alone, never NULL), shipping_cost (charged), actual_shipping_cost,
    shipping_margin (all Decimal(18, 2); the margin is NULL if either side is),
    shipping_margin_rate (Float64, margin / charged) and run_date.
    """
    charged, actual = pl.col("shipping_cost"), pl.col("actual_shipping_cost")
    margin = charged - actual
    return orders.select(
        "order_id",
        "order_dt",
        "order_channel",
        "shipping_speed",
        is_expedited=pl.col("shipping_speed").is_in(list(expedited_speeds)).fill_null(False),
        shipping_cost=charged,
        actual_shipping_cost=actual,
        shipping_margin=margin.cast(MONEY),
        shipping_margin_rate=ratio(margin, charged),
        run_date=pl.lit(run_date),
    )
