"""Regional financials: revenue, tax and refunds of each day, region and order channel.

Belongs here: the formulas of the table ``regional_financials`` and how an address names a region.
Does not belong here: the tax rates themselves, which are the shop's own and come as a frame.
"""

from __future__ import annotations

import datetime as dt

import polars as pl

from tasks.transforms.money import as_money, rounded_product

_GRAIN = ["dt", "region", "order_channel"]
_SUMS = ["gross_revenue", "discount_total", "net_revenue", "refunded_amount"]
_COUNTS = ["orders_count", "customers_count"]

# Two letters before a ZIP (or ZIP+4) that ends the address.
_STATE_BEFORE_ZIP = r"(?:^|[\s,])([A-Za-z]{2}),?\s+\d{5}(-\d{4})?$"
SOURCES = {  # of columns that are counted, or are keys under another name
    "dt": ("orders.order_dt", "returns.return_dt"),
    "orders_count": ("orders.*",),
}


def regional_financials(
    orders: pl.LazyFrame,
    returns: pl.LazyFrame,
    region_tax_rates: pl.LazyFrame,
    *,
    run_date: dt.date,
) -> pl.LazyFrame:
    """One row a day, region and order channel with an order or a refund.

    Reads orders (order_id, customer_id, order_dt, order_channel, gross_total, net_total,
    total_discount_amount, shipping_address, billing_address), returns (order_id, return_dt,
    refunded_amount) and region_tax_rates (region unique, tax_rate Decimal(9, 6)).

    Returns dt, region (``US-XX`` or ``UNKNOWN``), order_channel (``unknown`` for NULL),
    orders_count and customers_count (Int64), gross_revenue, discount_total and net_revenue
    (Decimal(18, 2)), tax_rate (Float64, 0 for a region without one), tax_amount,
    revenue_after_tax, refunded_amount and run_date. Orders count on their own day; refunds count
    on the day of the return, with the region and channel of the order.
    """
    placed = orders.select(
        "order_id",
        "customer_id",
        "order_channel",
        "gross_total",
        "total_discount_amount",
        "net_total",
        dt="order_dt",
        region=_region(),
    )
    revenue = (
        placed.with_columns(_channel())
        .group_by(_GRAIN)
        .agg(
            orders_count=pl.len().cast(pl.Int64),
            customers_count=pl.col("customer_id").drop_nulls().n_unique().cast(pl.Int64),
            gross_revenue=pl.col("gross_total").sum(),
            discount_total=pl.col("total_discount_amount").sum(),
            net_revenue=pl.col("net_total").sum(),
        )
    )
    refunds = (
        returns.select("order_id", "refunded_amount", dt="return_dt")
        .join(placed.select("order_id", "region", "order_channel"), on="order_id", how="left")
        .with_columns(pl.col("region").fill_null("UNKNOWN"), _channel())
        .group_by(_GRAIN)
        .agg(pl.col("refunded_amount").sum())
    )
    rates = region_tax_rates.select("region", tax_rate=pl.col("tax_rate").cast(pl.Decimal(9, 6)))
    return (
        pl.concat([revenue, refunds], how="diagonal")
        .group_by(_GRAIN)
        .agg(pl.col(*_COUNTS, *_SUMS).sum())
        .with_columns(as_money(pl.col(*_SUMS)))
        .join(rates, on="region", how="left")
        .with_columns(pl.col("tax_rate").fill_null(0))
        .with_columns(tax_amount=rounded_product(pl.col("net_revenue"), pl.col("tax_rate")))
        .select(
            *_GRAIN,
            *_COUNTS,
            "gross_revenue",
            "discount_total",
            "net_revenue",
            pl.col("tax_rate").cast(pl.Float64),
            "tax_amount",
            as_money(pl.col("net_revenue") - pl.col("tax_amount")).alias("revenue_after_tax"),
            "refunded_amount",
            run_date=pl.lit(run_date),
        )
    )


def _region() -> pl.Expr:
    address = pl.coalesce("shipping_address", "billing_address")
    state = address.str.extract(_STATE_BEFORE_ZIP, 1).str.to_uppercase()
    return pl.concat_str(pl.lit("US-"), state).fill_null("UNKNOWN")


def _channel() -> pl.Expr:
    return pl.col("order_channel").fill_null("unknown")
