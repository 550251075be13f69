"""The schema of ``sales_velocity``: a row a product and day since the product's first sale."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from tasks.contracts.enriched import column_kinds as kinds
from tasks.contracts.enriched.row_rules import rule

GRAIN: tuple[str, ...] = ("product_id", "product_dt")

_SHORT, _LONG, _TREND = pl.col("velocity_7d"), pl.col("velocity_28d"), pl.col("trend_signal")

SCHEMA = pa.DataFrameSchema(
    {
        "product_id": kinds.whole(),
        "product_dt": kinds.past_day("product_dt"),
        "daily_quantity": kinds.whole(),
        "velocity_7d": kinds.number(pa.Check.ge(0)),
        "velocity_28d": kinds.number(
            pa.Check.ge(0),
            rule(
                "a day that sold counts in the long mean",
                (pl.col("daily_quantity") == 0) | (_LONG > 0),
            ),
        ),
        "trend_signal": pa.Column(
            pl.String,
            checks=[
                pa.Check.isin(["UP", "DOWN", "STABLE"]),
                rule("UP is faster than the long mean", (_TREND != "UP") | (_SHORT >= _LONG)),
                rule("DOWN is slower than the long mean", (_TREND != "DOWN") | (_SHORT <= _LONG)),
            ],
        ),
        "forecast_7d_units": kinds.number(pa.Check.ge(0)),
        "run_date": kinds.run_day(),
    },
    name="sales_velocity",
    strict=True,
    ordered=True,
)
