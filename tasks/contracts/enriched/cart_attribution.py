"""The schema of ``cart_attribution``: a row a cart."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from tasks.contracts.enriched import column_kinds as kinds
from tasks.contracts.enriched.row_rules import TIMESTAMP, exactly_where, rule

GRAIN: tuple[str, ...] = ("cart_id",)

_CONVERTED = pl.col("cart_status") == "converted"
_ABANDONED = pl.col("cart_status") == "abandoned"
_EMPTY = pl.col("cart_status") == "empty"

SCHEMA = pa.DataFrameSchema(
    {
        "cart_id": kinds.text(),
        "customer_id": kinds.text(),
        "created_at": pa.Column(TIMESTAMP),
        "created_dt": kinds.past_day("created_dt"),
        "cart_value": kinds.money(
            rule("empty carts are worth nothing", (pl.col("cart_value") == 0) | ~_EMPTY)
        ),
        "item_count": kinds.whole(
            rule("empty carts have no items", (pl.col("item_count") == 0) | ~_EMPTY)
        ),
        "category_count": kinds.whole(
            rule("no more categories than items", pl.col("category_count") <= pl.col("item_count"))
        ),
        "cart_status": kinds.text(
            pa.Check.isin(["converted", "empty", "open", "abandoned"]),
            rule(
                "carts without items and value are empty",
                (pl.col("item_count") > 0) | (pl.col("cart_value") > 0) | _EMPTY,
            ),
        ),
        "order_id": kinds.text(
            exactly_where(_CONVERTED, "order_id", "converted carts"), nullable=True
        ),
        "order_date": pa.Column(
            TIMESTAMP,
            [
                exactly_where(_CONVERTED, "order_date", "converted carts"),
                rule(
                    "order_date not before created_at",
                    (pl.col("order_date") >= pl.col("created_at")).fill_null(True),
                ),
            ],
            nullable=True,
        ),
        "order_channel": kinds.text(
            rule(
                "order_channel only on converted carts",
                pl.col("order_channel").is_null() | _CONVERTED,
            ),
            nullable=True,
        ),
        "time_to_purchase_hours": kinds.number(
            pa.Check.ge(0),
            exactly_where(_CONVERTED, "time_to_purchase_hours", "converted carts"),
            nullable=True,
        ),
        "abandoned_value": kinds.money(
            exactly_where(_ABANDONED, "abandoned_value", "abandoned carts"),
            rule(
                "abandoned_value is cart_value",
                (pl.col("abandoned_value") == pl.col("cart_value")).fill_null(True),
            ),
            nullable=True,
        ),
        "run_date": kinds.run_day(),
    },
    name="cart_attribution",
    strict=True,
    ordered=True,
)
