"""The schema of ``daily_business_metrics``: a row a day since the first activity."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from tasks.contracts.enriched import column_kinds as kinds
from tasks.contracts.enriched.row_rules import rule

GRAIN: tuple[str, ...] = ("dt",)

_ORDERS, _GROSS, _NET = pl.col("orders_count"), pl.col("gross_revenue"), pl.col("net_revenue")
_CREATED, _CONVERTED, _ABANDONED = (
    pl.col("carts_created"),
    pl.col("carts_converted"),
    pl.col("carts_abandoned"),
)
_CONVERSION = pl.col("cart_conversion_rate")
_MEAN, _DEVIATION, _ANOMALY = (
    pl.col("revenue_30d_avg"),
    pl.col("revenue_30d_std"),
    pl.col("revenue_anomaly"),
)

SCHEMA = pa.DataFrameSchema(
    {
        "dt": kinds.past_day("dt"),
        "orders_count": kinds.whole(),
        "customers_count": kinds.whole(
            rule("no more customers than orders", pl.col("customers_count") <= _ORDERS),
        ),
        "gross_revenue": kinds.money(rule("revenue needs orders", (_ORDERS > 0) | (_GROSS == 0))),
        "net_revenue": kinds.money(rule("net revenue is at most gross", _NET <= _GROSS)),
        "avg_order_value": kinds.quotient("avg_order_value", _NET, _ORDERS),
        "carts_created": kinds.whole(),
        "carts_converted": kinds.whole(),
        "carts_abandoned": kinds.whole(
            rule("no more outcomes than carts", _CONVERTED + _ABANDONED <= _CREATED),
        ),
        "cart_conversion_rate": kinds.number(
            # NULL is right while a cart is open, which this table does not show.
            rule(
                "conversion is converted over converted and abandoned",
                _CONVERSION.is_null()
                | kinds.is_quotient(_CONVERSION, _CONVERTED, _CONVERTED + _ABANDONED),
            ),
            nullable=True,
        ),
        "returns_count": kinds.whole(),
        "return_rate": kinds.quotient("return_rate", pl.col("returns_count"), _ORDERS),
        "refund_total": kinds.money(
            rule(
                "refunds need returns",
                (pl.col("returns_count") > 0) | (pl.col("refund_total") == 0),
            ),
        ),
        "orders_7d_avg": kinds.number(pa.Check.ge(0)),
        "revenue_7d_avg": kinds.number(pa.Check.ge(0)),
        "revenue_30d_avg": kinds.number(pa.Check.ge(0), nullable=True),
        "revenue_30d_std": kinds.number(
            pa.Check.ge(0),
            rule("a deviation has a mean", _DEVIATION.is_null() | _MEAN.is_not_null()),
            nullable=True,
        ),
        "revenue_anomaly": pa.Column(
            pl.String,
            checks=[
                pa.Check.isin(["INSUFFICIENT_HISTORY", "HIGH", "LOW", "NORMAL"]),
                rule(
                    "a verdict has a deviation",
                    (_ANOMALY == "INSUFFICIENT_HISTORY") | _DEVIATION.is_not_null(),
                ),
                rule(
                    "HIGH is above the mean",
                    (_ANOMALY != "HIGH") | (_NET.cast(pl.Float64) > _MEAN),
                ),
                rule(
                    "LOW is below the mean",
                    (_ANOMALY != "LOW") | (_NET.cast(pl.Float64) < _MEAN),
                ),
            ],
        ),
        "run_date": kinds.run_day(),
    },
    name="daily_business_metrics",
    strict=True,
    ordered=True,
)
