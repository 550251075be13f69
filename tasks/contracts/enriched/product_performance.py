"""The schema of ``product_performance``: a row a product and day with any activity."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from tasks.contracts.enriched import column_kinds as kinds
from tasks.contracts.enriched.row_rules import rule

GRAIN: tuple[str, ...] = ("product_id", "product_dt")

_GROSS, _DISCOUNT, _REFUNDS = (
    pl.col("gross_revenue"),
    pl.col("discount_total"),
    pl.col("refunded_amount"),
)
_COST, _PROFIT = pl.col("cost_of_goods"), pl.col("gross_profit")
_SOLD, _RETURNED, _IN_CARTS = (
    pl.col("units_sold"),
    pl.col("units_returned"),
    pl.col("units_in_carts"),
)

SCHEMA = pa.DataFrameSchema(
    {
        "product_id": kinds.whole(),
        "product_dt": kinds.past_day("product_dt"),
        "product_name": kinds.text(nullable=True),
        "category": kinds.text(nullable=True),
        "units_sold": kinds.whole(
            rule(
                "something was sold, returned or put in a cart",
                (_SOLD > 0) | (_RETURNED > 0) | (_IN_CARTS > 0),
            )
        ),
        "units_returned": kinds.whole(),
        "units_in_carts": kinds.whole(),
        "gross_revenue": kinds.money(
            rule("revenue needs units", (_SOLD > 0) | (_GROSS == 0)),
        ),
        "discount_total": kinds.money(),
        "refunded_amount": kinds.money(),
        "net_revenue": kinds.signed_money(
            rule(
                "net revenue is gross less discounts and refunds",
                pl.col("net_revenue") == _GROSS - _DISCOUNT - _REFUNDS,
            )
        ),
        "cost_of_goods": kinds.money(
            rule("cost needs units", (_SOLD > 0) | (_COST == 0)),
        ),
        "gross_profit": kinds.signed_money(
            rule(
                "gross profit is gross less discounts and cost",
                _PROFIT == _GROSS - _DISCOUNT - _COST,
            )
        ),
        "net_margin": kinds.signed_money(
            rule(
                "net margin is gross profit less refunds",
                pl.col("net_margin") == _PROFIT - _REFUNDS,
            )
        ),
        "return_rate": kinds.quotient("return_rate", _RETURNED, _SOLD),
        "cart_to_order_rate": kinds.quotient("cart_to_order_rate", _SOLD, _IN_CARTS),
        "margin_rate": kinds.quotient("margin_rate", pl.col("net_margin"), _GROSS),
        "catalog_unit_price": kinds.money(nullable=True),
        "catalog_cost_price": kinds.money(nullable=True),
        "inventory_quantity": kinds.whole(nullable=True),
        "run_date": kinds.run_day(),
    },
    name="product_performance",
    strict=True,
    ordered=True,
)
