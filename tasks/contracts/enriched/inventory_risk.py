"""The schema of ``inventory_risk``: a row a product, as of the run date."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from tasks.contracts.enriched import column_kinds as kinds
from tasks.contracts.enriched.row_rules import rule

GRAIN: tuple[str, ...] = ("product_id",)

_STOCK, _SOLD, _VELOCITY = (
    pl.col("inventory_quantity"),
    pl.col("sales_volume"),
    pl.col("daily_velocity"),
)
_COVER, _TIER = pl.col("days_of_cover"), pl.col("risk_tier")
_STOCKOUT_DT = pl.col("expected_stockout_dt")

SCHEMA = pa.DataFrameSchema(
    {
        "product_id": kinds.whole(),
        "product_name": kinds.text(nullable=True),
        "category": kinds.text(nullable=True),
        "inventory_quantity": kinds.whole(nullable=True),
        "sales_volume": kinds.whole(),
        "return_volume": kinds.whole(),
        "daily_velocity": kinds.number(
            pa.Check.ge(0),
            rule("velocity is 0 exactly without sales", (_VELOCITY == 0) == (_SOLD == 0)),
        ),
        "days_of_cover": kinds.quotient("days_of_cover", _STOCK, _VELOCITY),
        "locked_capital": kinds.money(
            rule(
                "capital is locked in known stock only",
                pl.col("locked_capital").is_null() | _STOCK.is_not_null(),
            ),
            nullable=True,
        ),
        "utilization_rate": kinds.quotient("utilization_rate", _SOLD, _SOLD + _STOCK),
        "return_rate": kinds.quotient("return_rate", pl.col("return_volume"), _SOLD),
        "risk_tier": pa.Column(
            pl.String,
            checks=[
                pa.Check.isin(["UNKNOWN", "STOCKOUT", "HIGH", "MODERATE", "OVERSTOCK", "HEALTHY"]),
                rule(
                    "UNKNOWN exactly without stock figures",
                    (_TIER == "UNKNOWN") == _STOCK.is_null(),
                ),
                rule(
                    "STOCKOUT exactly when empty and selling",
                    (_TIER == "STOCKOUT") == ((_STOCK == 0) & (_SOLD > 0)).fill_null(False),
                ),
                rule(
                    "HIGH and MODERATE have a cover",
                    ~_TIER.is_in(["HIGH", "MODERATE"]) | _COVER.is_not_null(),
                ),
                rule(
                    "stock that does not sell is OVERSTOCK",
                    ((_TIER == "OVERSTOCK") | (_SOLD > 0) | (_STOCK == 0)).fill_null(True),
                ),
            ],
        ),
        "is_stockout_risk": kinds.flag(
            rule(
                "stockout risk follows the tier",
                pl.col("is_stockout_risk") == _TIER.is_in(["STOCKOUT", "HIGH"]),
            )
        ),
        "is_overstock": kinds.flag(
            rule("overstock follows the tier", pl.col("is_overstock") == (_TIER == "OVERSTOCK"))
        ),
        "expected_stockout_dt": pa.Column(
            pl.Date,
            nullable=True,
            checks=[
                rule("a stockout needs a cover", _STOCKOUT_DT.is_null() | _COVER.is_not_null()),
                rule(
                    "a stockout is not before run_date",
                    _STOCKOUT_DT.is_null() | (pl.col("run_date") <= _STOCKOUT_DT),
                ),
            ],
        ),
        "run_date": kinds.run_day(),
    },
    name="inventory_risk",
    strict=True,
    ordered=True,
)
