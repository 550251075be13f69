"""Inventory risk: how long the stock of each product lasts at its present velocity.

Belongs here: the formulas of the table ``inventory_risk``, all as of the run date. Does not
belong here: the velocities' own series (see ``sales_velocity``).
"""

from __future__ import annotations

import datetime as dt

import polars as pl

from tasks.transforms.calendar_windows import window_start
from tasks.transforms.money import MONEY, line_value
from tasks.transforms.ratios import quotient_above, quotient_below, ratio


def inventory_risk(
    sales_velocity: pl.LazyFrame,
    return_items: pl.LazyFrame,
    product_catalog: pl.LazyFrame,
    *,
    run_date: dt.date,
    volume_window_days: int = 28,
    high_cover_days: float = 7,
    moderate_cover_days: float = 21,
    overstock_cover_days: float = 180,
    max_cover_days: float = 1_000_000,
) -> pl.LazyFrame:
    """One row a product that the snapshot, a sale or a return knows.

    Reads the enriched sales_velocity (product_id, product_dt, daily_quantity; gap-filled to
    ``run_date``), return_items (product_id, return_dt, quantity_returned) and one snapshot of
    product_catalog (product_id, product_name, category, cost_price, inventory_quantity).

    Returns product_id, product_name, category, inventory_quantity (NULL for a product that the
    snapshot lacks), sales_volume and return_volume (Int64 units of the last
    ``volume_window_days``), daily_velocity (units a day over the days of that window since the
    first sale: sales_velocity's long mean when the two windows agree), days_of_cover,
    locked_capital (Decimal(18, 2)), utilization_rate, return_rate, risk_tier, is_stockout_risk,
    is_overstock, expected_stockout_dt (Date, NULL from ``max_cover_days`` on) and run_date.

    Cover limits are compared with whole numbers multiplied out, never with a rounded quotient.
    """
    start = window_start(run_date, volume_window_days)
    sales = sales_velocity.group_by("product_id").agg(
        sales_volume=_in_window("product_dt", start, run_date, pl.col("daily_quantity")),
        # Gap-filled: the rows in the window are its days since the first sale.
        sales_days=_in_window("product_dt", start, run_date, pl.lit(1, dtype=pl.Int64)),
    )
    returned = return_items.group_by("product_id").agg(
        return_volume=_in_window("return_dt", start, run_date, pl.col("quantity_returned"))
    )
    catalog = product_catalog.select(
        "product_id", "product_name", "category", "inventory_quantity", "cost_price"
    )
    products = (
        pl.concat([frame.select("product_id") for frame in (catalog, sales, returned)])
        .unique()
        .join(catalog, on="product_id", how="left")
        .join(sales, on="product_id", how="left")
        .join(returned, on="product_id", how="left")
        .with_columns(pl.col("sales_volume", "sales_days", "return_volume").fill_null(0))
    )

    stock, sold, days = pl.col("inventory_quantity"), pl.col("sales_volume"), pl.col("sales_days")
    stock_days = stock * days  # cover is stock / (sold / days)
    risk_tier = (
        pl.when(stock.is_null())
        .then(pl.lit("UNKNOWN"))
        .when((stock == 0) & (sold > 0))
        .then(pl.lit("STOCKOUT"))
        .when((sold > 0) & quotient_below(stock_days, sold, high_cover_days))
        .then(pl.lit("HIGH"))
        .when((sold > 0) & quotient_below(stock_days, sold, moderate_cover_days))
        .then(pl.lit("MODERATE"))
        .when((sold > 0) & quotient_above(stock_days, sold, overstock_cover_days))
        .then(pl.lit("OVERSTOCK"))
        .when((sold == 0) & (stock > 0))
        .then(pl.lit("OVERSTOCK"))
        .otherwise(pl.lit("HEALTHY"))
    )
    stockout_days = pl.when((sold > 0) & quotient_below(stock_days, sold, max_cover_days)).then(
        stock_days // pl.when(sold > 0).then(sold)
    )
    tier = pl.col("risk_tier")
    return products.with_columns(risk_tier=risk_tier).select(
        "product_id",
        "product_name",
        "category",
        "inventory_quantity",
        "sales_volume",
        "return_volume",
        daily_velocity=ratio(sold, days).fill_null(0.0),
        days_of_cover=ratio(stock_days, sold),
        locked_capital=line_value(stock, pl.col("cost_price")).cast(MONEY),
        utilization_rate=ratio(sold, sold + stock),
        return_rate=ratio(pl.col("return_volume"), sold),
        risk_tier=tier,
        is_stockout_risk=tier.is_in(["STOCKOUT", "HIGH"]),
        is_overstock=tier == "OVERSTOCK",
        expected_stockout_dt=pl.lit(run_date) + pl.duration(days=stockout_days),
        run_date=pl.lit(run_date),
    )


def _in_window(day: str, start: dt.date, end: dt.date, amount: pl.Expr) -> pl.Expr:
    return pl.when(pl.col(day).is_between(start, end)).then(amount).sum()
