"""Enriched table `attributed_purchases`: each order with the shopping cart that led to it.

Only the choice of a cart for an order belongs in here; what became of a cart is told by
`cart_attribution`.
"""

from __future__ import annotations

import datetime as dt

import polars as pl

from tasks.transforms.cart_contents import filled_carts
from tasks.transforms.elapsed_time import hours_between, microseconds, microseconds_of

_ORDER_COLUMNS = ("order_id", "customer_id", "order_date", "order_dt", "order_channel", "net_total")
_CART_COLUMNS = ("cart_id", "customer_id", "created_at", "updated_at", "cart_total")
SOURCES = {  # of columns that are counted, or are keys under another name
    "cart_created_at": ("shopping_carts.created_at",),
    "hours_to_purchase": ("shopping_carts.created_at", "orders.order_date"),
    "is_attributed": ("shopping_carts.cart_id",),
}


def attributed_purchases(
    orders: pl.LazyFrame,
    shopping_carts: pl.LazyFrame,
    cart_items: pl.LazyFrame,
    *,
    run_date: dt.date,
    attribution_window_hours: float = 48,
    recovery_gap_hours: float = 1,
) -> pl.LazyFrame:
    """Give every order the latest non-empty cart whose first order within the window it is.

    A cart leads to one order at most, and an order has one cart at most. Where several carts lead
    to one order, the latest of them (created_at, then cart_id) is the order's cart.

    Args:
        orders: silver orders.
        shopping_carts: silver shopping carts.
        cart_items: silver cart items.
        run_date: the day that the run stands for; it is written to every row.
        attribution_window_hours: how long after its creation a cart may lead to an order; both
            ends of the window count.
        recovery_gap_hours: how long a cart must have lain untouched before its order for the
            order to be a recovered one.

    Returns:
        One row an order, in no order of rows: order_id, customer_id, order_date, order_dt,
        order_channel, net_total; of its cart, else NULL: cart_id, cart_created_at, cart_total,
        hours_to_purchase (hours, Float64); is_attributed, is_recovered (never NULL); run_date.

    Raises:
        ValueError: if a number of hours is negative.
    """
    recovery_gap = microseconds_of(recovery_gap_hours)
    placed = orders.select(_ORDER_COLUMNS)
    carts = shopping_carts.select(_CART_COLUMNS)
    filled = filled_carts(carts, cart_items)
    cart_of_order = _cart_of_order(placed, filled, microseconds_of(attribution_window_hours)).join(
        carts.select(
            "cart_id",
            pl.col("created_at").alias("cart_created_at"),
            "cart_total",
            pl.coalesce("updated_at", "created_at").alias("touched_at"),
        ),
        on="cart_id",
        how="inner",
    )
    is_attributed = pl.col("cart_id").is_not_null()
    untouched = microseconds(pl.col("order_date")) - microseconds(pl.col("touched_at"))
    return placed.join(cart_of_order, on="order_id", how="left").select(
        *_ORDER_COLUMNS,
        "cart_id",
        "cart_created_at",
        "cart_total",
        hours_between(pl.col("cart_created_at"), pl.col("order_date")).alias("hours_to_purchase"),
        is_attributed.alias("is_attributed"),
        # A touch after the order makes the gap negative: that cart was not recovered.
        pl.when(is_attributed)
        .then(untouched >= recovery_gap)
        .otherwise(pl.lit(False))
        .alias("is_recovered"),
        pl.lit(run_date).alias("run_date"),
    )


def _cart_of_order(orders: pl.LazyFrame, carts: pl.LazyFrame, window: int) -> pl.LazyFrame:
    """order_id and cart_id of the orders that some cart leads to; `window` in microseconds.

    Ties are settled before the join: of the orders of one customer at one moment only the least
    order_id can be the first, of the carts of one moment only the greatest cart_id can be the
    latest. From there on a customer and a moment name an order or a cart.
    """
    first_orders = orders.group_by("customer_id", "order_date").agg(pl.col("order_id").min())
    last_carts = carts.group_by("customer_id", "created_at").agg(pl.col("cart_id").max())

    # Buckets as long as the window keep the join from pairing all carts of a customer with all
    # of the customer's orders: a window reaches into its own bucket and into the next, no further.
    bucket_length = max(window, 1)
    cart_bucket = microseconds(pl.col("created_at")) // bucket_length
    cart_in_buckets = pl.concat(
        [
            last_carts.with_columns(cart_bucket.alias("bucket")),
            last_carts.with_columns((cart_bucket + 1).alias("bucket")),
        ]
    )
    order_in_bucket = first_orders.select(
        "customer_id",
        "order_date",
        (microseconds(pl.col("order_date")) // bucket_length).alias("bucket"),
    )
    wait = microseconds(pl.col("order_date")) - microseconds(pl.col("created_at"))
    leads_to = (
        cart_in_buckets.join(order_in_bucket, on=["customer_id", "bucket"], how="inner")
        .filter((wait >= 0) & (wait <= window))
        .group_by("customer_id", "created_at", "cart_id")
        .agg(pl.col("order_date").min())
    )
    latest = leads_to.group_by("customer_id", "order_date").agg(pl.col("created_at").max())
    return (
        leads_to.join(latest, on=["customer_id", "order_date", "created_at"], how="semi")
        .join(first_orders, on=["customer_id", "order_date"], how="inner")
        .select("order_id", "cart_id")
    )
