"""Daily business metrics: orders, carts and returns of each day, and whether revenue is unusual.

Belongs here: the formulas of the table ``daily_business_metrics``. Does not belong here: what makes
a cart converted or abandoned (see ``cart_attribution``).
"""

from __future__ import annotations

import datetime as dt

import polars as pl

from tasks.transforms.calendar_windows import (
    days_before_day,
    days_to_day,
    every_day,
    sum_before_day,
    sum_to_day,
)
from tasks.transforms.money import as_money, cents
from tasks.transforms.ratios import exact_fraction, ratio

_COUNTS = [
    "orders_count",
    "customers_count",
    "carts_created",
    "carts_converted",
    "carts_abandoned",
    "carts_open",
    "returns_count",
]
_MONEY = ["gross_revenue", "net_revenue", "refund_total"]
SOURCES = {  # of columns that are counted, or are keys under another name
    "dt": ("orders.order_dt", "returns.return_dt", "cart_attribution.created_dt"),
    "orders_count": ("orders.*",),
    "carts_created": ("cart_attribution.*",),
    "returns_count": ("returns.*",),
    "return_rate": ("returns.*", "orders.*"),
    "orders_7d_avg": ("orders.*",),
}


def daily_business_metrics(
    orders: pl.LazyFrame,
    returns: pl.LazyFrame,
    cart_attribution: pl.LazyFrame,
    *,
    run_date: dt.date,
    short_window_days: int = 7,
    anomaly_window_days: int = 30,
    anomaly_min_history_days: int = 14,
    anomaly_std_factor: float = 2.0,
    anomaly_tolerance: float = 0.005,
) -> pl.LazyFrame:
    """One row a day, from the first order, cart or return to ``run_date``, gaps as zeros.

    Reads orders (order_dt, customer_id, gross_total, net_total), returns (return_dt,
    refunded_amount) and the enriched cart_attribution (created_dt, cart_status).

    Returns dt, the day's counts (Int64), money (Decimal(18, 2)), means and rates (Float64, NULL
    without a denominator), orders_7d_avg and revenue_7d_avg over the ``short_window_days`` ending
    that day, revenue_30d_avg and revenue_30d_std (sample) of net_revenue over the
    ``anomaly_window_days`` before it, revenue_anomaly (INSUFFICIENT_HISTORY, HIGH, LOW or NORMAL)
    and run_date. ``anomaly_tolerance`` is in the shop's currency.

    Deviations come from exact sums of cents and of their squares in 128 bits, which hold as long
    as a day's net revenue stays under 10^14; they are exactly 0 for a constant series. A deviation
    needs two days, so history counts as insufficient below that whatever the parameter says.
    Raises ``ValueError`` for a window of less than one day.
    """
    daily = (
        pl.concat([_orders(orders), _carts(cart_attribution), _returns(returns)], how="diagonal")
        .group_by("dt")
        .agg(pl.col(*_COUNTS, *_MONEY).sum())
    )
    filled = (
        every_day(daily.select("dt"), day="dt", run_date=run_date)
        .join(daily, on="dt", how="left")
        .with_columns(pl.col(*_COUNTS).fill_null(0), as_money(pl.col(*_MONEY)))
        .with_columns(net_cents=cents(pl.col("net_revenue")))
    )
    net = pl.col("net_cents")
    history = filled.with_columns(
        days_short=days_to_day(short_window_days, day="dt"),
        orders_short=sum_to_day(pl.col("orders_count"), short_window_days, day="dt"),
        cents_short=sum_to_day(net, short_window_days, day="dt"),
        days_before=days_before_day(day="dt"),
        cents_before=sum_before_day(net, anomaly_window_days, day="dt"),
        squares_before=sum_before_day(net * net, anomaly_window_days, day="dt"),
    ).with_columns(
        window_days=pl.min_horizontal(
            "days_before", pl.lit(anomaly_window_days, dtype=pl.Int64)
        ).cast(pl.Int128)
    )
    days, total = pl.col("window_days"), pl.col("cents_before")
    spread = history.with_columns(
        # n * sum(x^2) - sum(x)^2 is n * (n - 1) times the sample variance: whole, never negative.
        scaled_variance=days * pl.col("squares_before") - total * total
    )
    return spread.select(
        "dt",
        "orders_count",
        "customers_count",
        "gross_revenue",
        "net_revenue",
        ratio(pl.col("net_revenue"), pl.col("orders_count")).alias("avg_order_value"),
        "carts_created",
        "carts_converted",
        "carts_abandoned",
        _cart_conversion_rate(),
        "returns_count",
        ratio(pl.col("returns_count"), pl.col("orders_count")).alias("return_rate"),
        "refund_total",
        orders_7d_avg=ratio(pl.col("orders_short"), pl.col("days_short")),
        revenue_7d_avg=ratio(pl.col("cents_short"), pl.col("days_short") * 100),
        revenue_30d_avg=ratio(total, days * 100),
        revenue_30d_std=ratio(pl.col("scaled_variance"), days * (days - 1)).sqrt() / 100,
        revenue_anomaly=_anomaly(
            min_history_days=max(anomaly_min_history_days, 2),
            std_factor=anomaly_std_factor,
            tolerance=anomaly_tolerance,
        ),
        run_date=pl.lit(run_date),
    )


def _orders(orders: pl.LazyFrame) -> pl.LazyFrame:
    return orders.group_by(dt="order_dt").agg(
        orders_count=pl.len().cast(pl.Int64),
        customers_count=pl.col("customer_id").drop_nulls().n_unique().cast(pl.Int64),
        gross_revenue=pl.col("gross_total").sum(),
        net_revenue=pl.col("net_total").sum(),
    )


def _carts(cart_attribution: pl.LazyFrame) -> pl.LazyFrame:
    def with_status(status: str) -> pl.Expr:
        return (pl.col("cart_status") == status).cast(pl.Int64).sum()

    return cart_attribution.group_by(dt="created_dt").agg(
        carts_created=pl.len().cast(pl.Int64),
        carts_converted=with_status("converted"),
        carts_abandoned=with_status("abandoned"),
        carts_open=with_status("open"),
    )


def _returns(returns: pl.LazyFrame) -> pl.LazyFrame:
    return returns.group_by(dt="return_dt").agg(
        returns_count=pl.len().cast(pl.Int64),
        refund_total=pl.col("refunded_amount").sum(),
    )


def _cart_conversion_rate() -> pl.Expr:
    converted, abandoned = pl.col("carts_converted"), pl.col("carts_abandoned")
    # While a cart is open the day's outcome is unknown, and only conversions could show.
    decided = pl.when(pl.col("carts_open") == 0).then(converted + abandoned)
    return ratio(converted, decided).alias("cart_conversion_rate")


def _anomaly(*, min_history_days: int, std_factor: float, tolerance: float) -> pl.Expr:
    """``|net - mean| > factor * std + tolerance``, squared and multiplied out to whole numbers."""
    factor, slack = exact_fraction(std_factor), exact_fraction(tolerance) * 100
    days = pl.col("window_days")
    deviation = (days * pl.col("net_cents") - pl.col("cents_before")) * slack.denominator
    threshold = days * pl.col("scaled_variance") * (factor.numerator * slack.denominator) ** 2

    def beyond(excess: pl.Expr) -> pl.Expr:
        square = excess * excess * (days - 1) * factor.denominator**2
        return (excess > 0) & (square > threshold)

    return (
        pl.when(pl.col("days_before") < min_history_days)
        .then(pl.lit("INSUFFICIENT_HISTORY"))
        .when(beyond(deviation - days * slack.numerator))
        .then(pl.lit("HIGH"))
        .when(beyond(deviation * -1 - days * slack.numerator))
        .then(pl.lit("LOW"))
        .otherwise(pl.lit("NORMAL"))
    )
