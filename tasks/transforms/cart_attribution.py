"""Enriched table `cart_attribution`: each shopping cart, what it held and what became of it.

Which cart led to which order is decided by `attributed_purchases` and only read here.
"""

from __future__ import annotations

import datetime as dt

import polars as pl

from tasks.transforms.cart_contents import is_unpriced
from tasks.transforms.elapsed_time import microseconds, microseconds_of
from tasks.transforms.money import as_money, line_value

SOURCES = {  # of columns that are counted, or are keys under another name
    "item_count": ("cart_items.*",),
    "category_count": ("cart_items.product_id", "product_catalog.category"),
}


def cart_attribution(
    shopping_carts: pl.LazyFrame,
    cart_items: pl.LazyFrame,
    attributed_purchases: pl.LazyFrame,
    product_catalog: pl.LazyFrame,
    *,
    run_date: dt.date,
    attribution_window_hours: float = 48,
) -> pl.LazyFrame:
    """Give every cart its value, its contents and its fate as of the end of the run date.

    Args:
        shopping_carts: silver shopping carts.
        cart_items: silver cart items.
        attributed_purchases: the enriched table of that name, of the same run.
        product_catalog: one snapshot of the products, one row a product; it tells the categories.
        run_date: the day that the run stands for; a cart whose window ends at or after the
            midnight that ends this day is still open.
        attribution_window_hours: how long after its creation a cart may lead to an order; the
            same as that of `attributed_purchases`.

    Returns:
        One row a cart, in no order of rows: cart_id, customer_id, created_at, created_dt,
        cart_value (money, its total or else the value of its items or else 0), item_count,
        category_count (distinct categories of the snapshot, unknown ones not counted),
        cart_status (converted, empty, open or abandoned); of the order that a converted cart led
        to, else NULL: order_id, order_date, order_channel, time_to_purchase_hours (hours,
        Float64); abandoned_value (money, NULL unless abandoned); run_date.

    Raises:
        ValueError: if the number of hours is negative.
    """
    window = microseconds_of(attribution_window_hours)
    end_of_run = microseconds(pl.lit(run_date + dt.timedelta(days=1)))
    is_empty = (pl.col("item_count") == 0) & is_unpriced()
    is_open = microseconds(pl.col("created_at")) + window >= end_of_run
    return (
        shopping_carts.select("cart_id", "customer_id", "created_at", "created_dt", "cart_total")
        .join(_contents(cart_items, product_catalog), on="cart_id", how="left")
        .join(_order_of_cart(attributed_purchases), on="cart_id", how="left")
        .with_columns(
            as_money(pl.coalesce("cart_total", "items_value")).alias("cart_value"),
            pl.col("item_count").fill_null(0),
            pl.col("category_count").fill_null(0),
        )
        .with_columns(
            pl.when(pl.col("order_id").is_not_null())
            .then(pl.lit("converted"))
            .when(is_empty)
            .then(pl.lit("empty"))
            .when(is_open)
            .then(pl.lit("open"))
            .otherwise(pl.lit("abandoned"))
            .alias("cart_status")
        )
        .select(
            "cart_id",
            "customer_id",
            "created_at",
            "created_dt",
            "cart_value",
            "item_count",
            "category_count",
            "cart_status",
            "order_id",
            "order_date",
            "order_channel",
            "time_to_purchase_hours",
            pl.when(pl.col("cart_status") == "abandoned")
            .then(pl.col("cart_value"))
            .alias("abandoned_value"),
            pl.lit(run_date).alias("run_date"),
        )
    )


def _contents(cart_items: pl.LazyFrame, product_catalog: pl.LazyFrame) -> pl.LazyFrame:
    """cart_id, item_count, category_count and items_value (money) of the carts with items."""
    category = pl.col("category_number")
    has_unknown_category = category.is_null().cast(pl.Int64).max()
    return (
        cart_items.select("cart_id", "product_id", "quantity", "unit_price")
        .join(_numbered_categories(product_catalog), on="product_id", how="left")
        .group_by("cart_id")
        .agg(
            pl.len().cast(pl.Int64).alias("item_count"),
            # The distinct count takes NULL for one more category.
            (category.n_unique().cast(pl.Int64) - has_unknown_category).alias("category_count"),
            line_value(pl.col("quantity"), pl.col("unit_price")).sum().alias("items_value"),
        )
    )


def _numbered_categories(product_catalog: pl.LazyFrame) -> pl.LazyFrame:
    """product_id and category_number of the products whose category is known.

    A category goes by the least product_id in it, because distinct numbers in millions of carts
    are counted in less time and memory than distinct texts.
    """
    known = product_catalog.select("product_id", "category").filter(
        pl.col("category").is_not_null()
    )
    numbers = known.group_by("category").agg(pl.col("product_id").min().alias("category_number"))
    return known.join(numbers, on="category", how="inner").select("product_id", "category_number")


def _order_of_cart(attributed_purchases: pl.LazyFrame) -> pl.LazyFrame:
    """The order's columns of each converted cart, by cart_id."""
    return attributed_purchases.filter(pl.col("cart_id").is_not_null()).select(
        "cart_id",
        "order_id",
        "order_date",
        "order_channel",
        pl.col("hours_to_purchase").alias("time_to_purchase_hours"),
    )
