"""Sales velocity: the daily units of each product, their moving means, trend and forecast.

Belongs here: the formulas of the table ``sales_velocity``. Does not belong here: stock, which is
known for the run date only (see ``inventory_risk``), and money (see ``product_performance``).
"""

from __future__ import annotations

import datetime as dt

import polars as pl

from tasks.transforms.calendar_windows import days_to_day, every_day, sum_to_day
from tasks.transforms.ratios import quotient_above, quotient_below, ratio

_GRAIN = ["product_id", "product_dt"]
_FORECAST_DAYS = 7
SOURCES = {  # of columns that are counted, or are keys under another name
    "product_dt": ("order_items.order_dt",),
}


def sales_velocity(
    order_items: pl.LazyFrame,
    *,
    run_date: dt.date,
    short_window_days: int = 7,
    long_window_days: int = 28,
    trend_up_factor: float = 1.2,
    trend_down_factor: float = 0.8,
    forecast_short_weight: float = 0.7,
    forecast_long_weight: float = 0.3,
    history: pl.LazyFrame | None = None,
) -> pl.LazyFrame:
    """One row a product and day, from the product's first sale to ``run_date``, gaps as zeros.

    Reads order_items (product_id, order_dt, quantity). Returns product_id, product_dt,
    daily_quantity (Int64 units), velocity_7d and velocity_28d (Float64, mean units a day over the
    short and the long window ending that day, over fewer days at the start of the series),
    trend_signal (UP, DOWN or STABLE), forecast_7d_units (Float64) and run_date.

    With ``history``, rows of this table of the days before those in order_items, the series goes on
    from there; days of the history itself then come with means over what the history holds.

    The trend compares whole numbers multiplied out, so that a product exactly on a factor is
    STABLE. Raises ``ValueError`` for a window of less than one day.
    """
    sold = order_items.group_by("product_id", product_dt="order_dt").agg(
        daily_quantity=pl.col("quantity").sum()
    )
    if history is not None:
        sold = pl.concat([history.select(*_GRAIN, "daily_quantity"), sold])
    series = (
        every_day(
            sold.select(_GRAIN),
            day="product_dt",
            run_date=run_date,
            by=["product_id"],
        )
        .join(sold, on=_GRAIN, how="left")
        .with_columns(pl.col("daily_quantity").fill_null(0))
    )
    units = pl.col("daily_quantity")
    windows = series.with_columns(
        units_short=sum_to_day(units, short_window_days, day="product_dt", by=["product_id"]),
        units_long=sum_to_day(units, long_window_days, day="product_dt", by=["product_id"]),
        days_short=days_to_day(short_window_days, day="product_dt", by=["product_id"]),
        days_long=days_to_day(long_window_days, day="product_dt", by=["product_id"]),
    )
    short = pl.col("units_short") * pl.col("days_long")
    long = pl.col("units_long") * pl.col("days_short")
    velocity_short = ratio(pl.col("units_short"), pl.col("days_short"))
    velocity_long = ratio(pl.col("units_long"), pl.col("days_long"))
    return windows.select(
        *_GRAIN,
        "daily_quantity",
        velocity_7d=velocity_short,
        velocity_28d=velocity_long,
        trend_signal=pl.when(quotient_above(short, long, trend_up_factor))
        .then(pl.lit("UP"))
        .when(quotient_below(short, long, trend_down_factor))
        .then(pl.lit("DOWN"))
        .otherwise(pl.lit("STABLE")),
        forecast_7d_units=_FORECAST_DAYS
        * (forecast_short_weight * velocity_short + forecast_long_weight * velocity_long),
        run_date=pl.lit(run_date),
    )
