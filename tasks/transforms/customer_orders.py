"""Everyone who is a customer, with the orders they placed: the ground of the customer tables.

A customer is whoever has a row in the customers' snapshot or has ordered; guests appear in orders
only. Segments, scores and money do not belong in here.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl


def customers_with_orders(
    orders: pl.LazyFrame,
    customers: pl.LazyFrame,
    *,
    attributes: Sequence[str],
    measures: Sequence[pl.Expr] = (),
) -> pl.LazyFrame:
    """Put the customers' attributes beside what their orders add up to.

    Args:
        orders: silver orders; at least customer_id, order_dt and what the measures read.
        customers: one snapshot of the customers, one row a customer.
        attributes: columns of the snapshot to keep.
        measures: further aggregates over the orders of one customer, each with a name.

    Returns:
        One row a customer: customer_id; the attributes, NULL without a row in the snapshot;
        order_count (Int64, 0 without orders); first_order_dt, last_order_dt and the measures,
        NULL without orders.
    """
    history = orders.group_by("customer_id").agg(
        pl.len().cast(pl.Int64).alias("order_count"),
        pl.col("order_dt").min().alias("first_order_dt"),
        pl.col("order_dt").max().alias("last_order_dt"),
        *measures,
    )
    # Two left joins onto the union of the ids say the same as a full join, without leaving the
    # coalescing of its keys to each engine's taste.
    everyone = pl.concat([customers.select("customer_id"), history.select("customer_id")]).unique()
    return (
        everyone.join(customers.select("customer_id", *attributes), on="customer_id", how="left")
        .join(history, on="customer_id", how="left")
        .with_columns(pl.col("order_count").fill_null(0))
    )
