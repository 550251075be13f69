"""Which shopping carts hold anything: the one definition that attribution and abandonment share.

What became of a cart does not belong in here.
"""

from __future__ import annotations

import polars as pl


def is_unpriced() -> pl.Expr:
    """Whether `cart_total` says nothing about the cart: NULL or zero. Never NULL itself."""
    return pl.col("cart_total").is_null() | (pl.col("cart_total") == 0)


def filled_carts(shopping_carts: pl.LazyFrame, cart_items: pl.LazyFrame) -> pl.LazyFrame:
    """The carts that are not empty, i.e. have an item or a total other than zero.

    Args:
        shopping_carts: at least cart_id and cart_total; the columns are kept as they are.
        cart_items: at least cart_id.
    """
    # Only the carts without a total need a look at the items, by far the larger table.
    unpriced = shopping_carts.filter(is_unpriced())
    with_items = unpriced.join(cart_items.select("cart_id"), on="cart_id", how="semi")
    return pl.concat([shopping_carts.filter(~is_unpriced()), with_items])
