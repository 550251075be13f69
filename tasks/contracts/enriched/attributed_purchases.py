"""The schema of ``attributed_purchases``: a row an order."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from tasks.contracts.enriched import column_kinds as kinds
from tasks.contracts.enriched.row_rules import TIMESTAMP, exactly_where, rule

GRAIN: tuple[str, ...] = ("order_id",)

_ATTRIBUTED = pl.col("cart_id").is_not_null()

SCHEMA = pa.DataFrameSchema(
    {
        "order_id": kinds.text(),
        "customer_id": kinds.text(),
        "order_date": pa.Column(TIMESTAMP),
        "order_dt": kinds.past_day("order_dt"),
        "order_channel": kinds.text(nullable=True),
        "net_total": kinds.money(),
        "cart_id": kinds.text(nullable=True),
        "cart_created_at": pa.Column(
            TIMESTAMP,
            [
                exactly_where(_ATTRIBUTED, "cart_created_at", "attributed orders"),
                rule(
                    "cart_created_at not after order_date",
                    (pl.col("cart_created_at") <= pl.col("order_date")).fill_null(True),
                ),
            ],
            nullable=True,
        ),
        "cart_total": kinds.money(
            rule(
                "cart_total only on attributed orders",
                pl.col("cart_total").is_null() | _ATTRIBUTED,
            ),
            nullable=True,
        ),
        "hours_to_purchase": kinds.number(
            pa.Check.ge(0),
            exactly_where(_ATTRIBUTED, "hours_to_purchase", "attributed orders"),
            nullable=True,
        ),
        "is_attributed": kinds.flag(
            rule("is_attributed exactly with a cart", pl.col("is_attributed") == _ATTRIBUTED)
        ),
        "is_recovered": kinds.flag(
            rule(
                "is_recovered only on attributed orders",
                ~pl.col("is_recovered") | _ATTRIBUTED,
            )
        ),
        "run_date": kinds.run_day(),
    },
    name="attributed_purchases",
    strict=True,
    ordered=True,
)
