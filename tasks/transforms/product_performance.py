"""Product performance: what each product sold, lost and earned on each day.

Belongs here: the formulas of the table ``product_performance``. Does not belong here: reading or
writing tables, and series over time (see ``sales_velocity``).
"""

from __future__ import annotations

import datetime as dt

import polars as pl

from tasks.transforms.money import as_money, line_value
from tasks.transforms.ratios import ratio

_GRAIN = ["product_id", "product_dt"]
_UNITS = ["units_sold", "units_without_cost", "units_returned", "units_in_carts"]
_MONEY = ["gross_revenue", "discount_total", "refunded_amount", "line_cost"]
SOURCES = {  # of columns that are counted, or are keys under another name
    "product_dt": ("order_items.order_dt", "cart_items.added_dt", "return_items.return_dt"),
}


def product_performance(
    order_items: pl.LazyFrame,
    cart_items: pl.LazyFrame,
    return_items: pl.LazyFrame,
    product_catalog: pl.LazyFrame,
    *,
    run_date: dt.date,
) -> pl.LazyFrame:
    """One row a product and day with a sale, a return or a cart item.

    Reads order_items (product_id, order_dt, quantity, unit_price, discount_amount, cost_price),
    cart_items (product_id, added_dt, quantity), return_items (product_id, return_dt,
    quantity_returned, refunded_amount) and one snapshot of product_catalog (product_id,
    product_name, category, unit_price, cost_price, inventory_quantity). Cart items added after
    ``run_date`` are left out.

    Returns product_id, product_dt, the attributes and stock of the snapshot (NULL for a product
    that it lacks), units (Int64), money (Decimal(18, 2), in the shop's currency), rates (Float64,
    NULL without a denominator) and run_date. A product-day that one source lacks has zeros there.
    """
    activity = pl.concat(
        [_sales(order_items), _returns(return_items), _carts(cart_items, run_date)],
        how="diagonal",
    )
    daily = activity.group_by(_GRAIN).agg(pl.col(*_UNITS, *_MONEY).sum())
    catalog = product_catalog.select(
        "product_id",
        "product_name",
        "category",
        "inventory_quantity",
        catalog_unit_price="unit_price",
        catalog_cost_price="cost_price",
    )
    gross, discount, refunds, cost, profit = (
        pl.col("gross_revenue"),
        pl.col("discount_total"),
        pl.col("refunded_amount"),
        pl.col("cost_of_goods"),
        pl.col("gross_profit"),
    )
    return (
        daily.join(catalog, on="product_id", how="left")
        .with_columns(
            cost_of_goods=pl.col("line_cost")
            + line_value(pl.col("units_without_cost"), pl.col("catalog_cost_price").fill_null(0))
        )
        .with_columns(
            net_revenue=gross - discount - refunds,
            gross_profit=gross - discount - cost,
        )
        .with_columns(net_margin=profit - refunds)
        .select(
            *_GRAIN,
            "product_name",
            "category",
            "units_sold",
            "units_returned",
            "units_in_carts",
            as_money(gross),
            as_money(discount),
            as_money(refunds),
            as_money(pl.col("net_revenue")),
            as_money(cost),
            as_money(profit),
            as_money(pl.col("net_margin")),
            return_rate=ratio(pl.col("units_returned"), pl.col("units_sold")),
            cart_to_order_rate=ratio(pl.col("units_sold"), pl.col("units_in_carts")),
            margin_rate=ratio(pl.col("net_margin"), gross),
            catalog_unit_price="catalog_unit_price",
            catalog_cost_price="catalog_cost_price",
            inventory_quantity="inventory_quantity",
            run_date=pl.lit(run_date),
        )
    )


def _sales(order_items: pl.LazyFrame) -> pl.LazyFrame:
    quantity, cost = pl.col("quantity"), pl.col("cost_price")
    return order_items.group_by("product_id", product_dt="order_dt").agg(
        units_sold=quantity.sum(),
        # The catalog's cost is one number a product: its units can be priced after the join.
        units_without_cost=pl.when(cost.is_null()).then(quantity).sum(),
        gross_revenue=line_value(quantity, pl.col("unit_price")).sum(),
        discount_total=pl.col("discount_amount").sum(),
        line_cost=line_value(quantity, cost).sum(),
    )


def _returns(return_items: pl.LazyFrame) -> pl.LazyFrame:
    return return_items.group_by("product_id", product_dt="return_dt").agg(
        units_returned=pl.col("quantity_returned").sum(),
        refunded_amount=pl.col("refunded_amount").sum(),
    )


def _carts(cart_items: pl.LazyFrame, run_date: dt.date) -> pl.LazyFrame:
    return (
        cart_items.filter(pl.col("added_dt") <= run_date)
        .group_by("product_id", product_dt="added_dt")
        .agg(units_in_carts=pl.col("quantity").sum())
    )
