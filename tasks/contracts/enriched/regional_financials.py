"""The schema of ``regional_financials``: a row a day, region and order channel."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from tasks.contracts.enriched import column_kinds as kinds
from tasks.contracts.enriched.row_rules import rule

GRAIN: tuple[str, ...] = ("dt", "region", "order_channel")

_ORDERS, _CUSTOMERS = pl.col("orders_count"), pl.col("customers_count")
_NET, _TAX = pl.col("net_revenue"), pl.col("tax_amount")
_EXACT_TAX = _NET.cast(pl.Float64) * pl.col("tax_rate")
# Half a cent of rounding, and what a Float64 of that size cannot show.
_TAX_TOLERANCE = 0.005 + 1e-9 * (1 + _EXACT_TAX.abs())

SCHEMA = pa.DataFrameSchema(
    {
        "dt": kinds.past_day("dt"),
        "region": kinds.text(pa.Check.str_matches(r"^(US-[A-Z]{2}|UNKNOWN)$")),
        "order_channel": kinds.text(),
        "orders_count": kinds.whole(),
        "customers_count": kinds.whole(
            rule("no more customers than orders", _CUSTOMERS <= _ORDERS),
        ),
        "gross_revenue": kinds.money(
            rule("revenue needs orders", (_ORDERS > 0) | (pl.col("gross_revenue") == 0)),
        ),
        "discount_total": kinds.money(),
        "net_revenue": kinds.money(
            rule("net revenue is at most gross", pl.col("gross_revenue") >= _NET),
        ),
        # Above 1 it would be a percentage that somebody entered as a rate.
        "tax_rate": kinds.number(pa.Check.in_range(0, 1)),
        "tax_amount": kinds.money(
            rule(
                "tax is net revenue times the rate, to the cent",
                (_TAX.cast(pl.Float64) - _EXACT_TAX).abs() <= _TAX_TOLERANCE,
            )
        ),
        "revenue_after_tax": kinds.money(
            rule("after tax is net revenue less tax", pl.col("revenue_after_tax") == _NET - _TAX),
        ),
        "refunded_amount": kinds.money(),
        "run_date": kinds.run_day(),
    },
    name="regional_financials",
    strict=True,
    ordered=True,
)
