"""The schema of ``shipping_economics``: a row an order."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from tasks.contracts.enriched import column_kinds as kinds
from tasks.contracts.enriched.row_rules import rule

GRAIN: tuple[str, ...] = ("order_id",)

_CHARGED, _ACTUAL, _MARGIN = (
    pl.col("shipping_cost"),
    pl.col("actual_shipping_cost"),
    pl.col("shipping_margin"),
)

SCHEMA = pa.DataFrameSchema(
    {
        "order_id": kinds.text(),
        "order_dt": kinds.past_day("order_dt"),
        "order_channel": kinds.text(nullable=True),
        "shipping_speed": kinds.text(nullable=True),
        "is_expedited": kinds.flag(
            rule(
                "expedited needs a speed",
                ~pl.col("is_expedited") | pl.col("shipping_speed").is_not_null(),
            )
        ),
        # Silver has no rule on either cost, so a correction below zero is no defect here.
        "shipping_cost": kinds.signed_money(nullable=True),
        "actual_shipping_cost": kinds.signed_money(nullable=True),
        "shipping_margin": kinds.signed_money(
            rule("margin is charged less actual cost", _MARGIN.eq_missing(_CHARGED - _ACTUAL)),
            nullable=True,
        ),
        "shipping_margin_rate": kinds.quotient("shipping_margin_rate", _MARGIN, _CHARGED),
        "run_date": kinds.run_day(),
    },
    name="shipping_economics",
    strict=True,
    ordered=True,
)
