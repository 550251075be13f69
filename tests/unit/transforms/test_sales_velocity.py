from __future__ import annotations

import datetime as dt
from fractions import Fraction
from random import Random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.contracts.enriched.sales_velocity import GRAIN, SCHEMA
from tasks.transforms.sales_velocity import sales_velocity
from tests.unit.transforms import silver_rows as silver
from tests.unit.transforms.enriched_checks import breaks, computed, same_in_any_order

RUN = dt.date(2024, 3, 31)


def sale(quantity, days_ago, product_id=1):
    return {
        "order_id": "O1",
        "product_id": product_id,
        "quantity": quantity,
        "order_dt": RUN - dt.timedelta(days=days_ago),
    }


def run(lines, **parameters):
    frame = sales_velocity(order_items=silver.order_items(lines), run_date=RUN, **parameters)
    return computed(frame, SCHEMA, GRAIN)


def today(result, product_id=1):
    return result.filter(product_id=product_id, product_dt=RUN).row(0, named=True)


def test_columns_and_types_also_without_sales():
    result = run([])
    assert result.height == 0
    assert dict(result.schema) == {
        "product_id": pl.Int64,
        "product_dt": pl.Date,
        "daily_quantity": pl.Int64,
        "velocity_7d": pl.Float64,
        "velocity_28d": pl.Float64,
        "trend_signal": pl.String,
        "forecast_7d_units": pl.Float64,
        "run_date": pl.Date,
    }


def test_each_product_has_every_day_from_its_own_first_sale_to_the_run_date():
    result = run([sale(2, 5), sale(1, 5), sale(4, 2), sale(9, 0, product_id=2)])
    first = RUN - dt.timedelta(days=5)
    assert result.filter(product_id=1)["product_dt"].to_list() == [
        first + dt.timedelta(days=n) for n in range(6)
    ]
    assert result.filter(product_id=1)["daily_quantity"].to_list() == [3, 0, 0, 4, 0, 0]
    assert result.filter(product_id=2).select("product_dt", "daily_quantity").rows() == [(RUN, 9)]
    assert result["run_date"].unique().to_list() == [RUN]


def test_at_the_start_a_window_holds_the_days_that_exist():
    result = run([sale(6, 2), sale(3, 0)])
    assert result["velocity_7d"].to_list() == [6.0, 3.0, 3.0]
    assert result["velocity_28d"].to_list() == [6.0, 3.0, 3.0]


@pytest.mark.parametrize(("days_ago", "in_window"), [(6, True), (7, False)])
def test_the_short_window_is_the_seven_days_that_end_that_day(days_ago, in_window):
    row = today(run([sale(1, 100), sale(7, days_ago)]))
    assert row["velocity_7d"] == (1.0 if in_window else 0.0)
    assert row["velocity_28d"] == 7 / 28


@pytest.mark.parametrize(("days_ago", "in_window"), [(27, True), (28, False)])
def test_the_long_window_is_the_28_days_that_end_that_day(days_ago, in_window):
    row = today(run([sale(1, 100), sale(28, days_ago)]))
    assert row["velocity_28d"] == (1.0 if in_window else 0.0)


def with_means(last_week, earlier):
    """Sales whose last 7 days hold `last_week` units and whose 21 days before hold `earlier`."""
    return [sale(1, 60), sale(last_week, 3), sale(earlier, 20)]


@pytest.mark.parametrize(
    ("last_week", "earlier", "trend"),
    [
        # velocity_7d / velocity_28d = 4 * last_week / (last_week + earlier)
        (300, 700, "STABLE"),  # exactly 1.2
        (301, 700, "UP"),
        (300, 699, "UP"),
        (299, 700, "STABLE"),
        (200, 800, "STABLE"),  # exactly 0.8
        (199, 800, "DOWN"),
        (200, 801, "DOWN"),
        (201, 800, "STABLE"),
    ],
)
def test_the_trend_factors_are_exclusive_and_exact(last_week, earlier, trend):
    assert today(run(with_means(last_week, earlier)))["trend_signal"] == trend


@pytest.mark.parametrize("scale", [1, 3, 7, 11, 13, 10**9])
def test_a_product_exactly_on_a_factor_is_stable_whatever_its_size(scale):
    assert today(run(with_means(3 * scale, 7 * scale)))["trend_signal"] == "STABLE"
    assert today(run(with_means(2 * scale, 8 * scale)))["trend_signal"] == "STABLE"


def test_a_product_that_stopped_selling_is_stable_at_zero():
    row = today(run([sale(5, 40)]))
    assert (row["velocity_28d"], row["trend_signal"], row["forecast_7d_units"]) == (
        0.0,
        "STABLE",
        0.0,
    )


def test_the_forecast_weighs_both_velocities():
    row = today(run(with_means(14, 42)))
    assert row["forecast_7d_units"] == pytest.approx(7 * (0.7 * 2 + 0.3 * 2), rel=1e-12)
    row = today(run(with_means(14, 14)))
    assert row["forecast_7d_units"] == pytest.approx(7 * (0.7 * 2 + 0.3 * 1), rel=1e-12)


def test_windows_factors_and_weights_are_parameters():
    lines = [sale(4, 3), sale(2, 1), sale(6, 0)]
    row = today(
        run(
            lines,
            short_window_days=2,
            long_window_days=3,
            trend_up_factor=1.5,
            forecast_short_weight=1.0,
            forecast_long_weight=0.0,
        )
    )
    assert row["velocity_7d"] == 4.0
    assert row["velocity_28d"] == pytest.approx(8 / 3, rel=1e-12)
    assert row["trend_signal"] == "STABLE"  # exactly 1.5 times
    assert row["forecast_7d_units"] == 28.0
    faster = run(lines, short_window_days=2, long_window_days=3, trend_up_factor=1.49)
    assert today(faster)["trend_signal"] == "UP"


@pytest.mark.parametrize("days", [0, -7])
def test_a_window_without_days_is_refused(days):
    with pytest.raises(ValueError, match="at least one day"):
        sales_velocity(silver.order_items([]), run_date=RUN, short_window_days=days)


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.builds(sale, st.integers(1, 50), st.integers(0, 70), st.integers(1, 3))),
    st.randoms(use_true_random=False),
)
def test_agrees_with_plain_python_in_any_order_of_rows(lines, random: Random):
    by_product = {}
    for row in lines:
        days = by_product.setdefault(row["product_id"], {})
        days[row["order_dt"]] = days.get(row["order_dt"], 0) + row["quantity"]
    expected = []
    for product_id, days in sorted(by_product.items()):
        day = min(days)
        while day <= RUN:
            means = []
            for window in (7, 28):
                start = max(min(days), day - dt.timedelta(days=window - 1))
                units = sum(units for sold, units in days.items() if start <= sold <= day)
                means.append(Fraction(units, (day - start).days + 1))
            short, long = means
            trend = "STABLE"
            if short > long * Fraction(12, 10):
                trend = "UP"
            elif short < long * Fraction(8, 10):
                trend = "DOWN"
            forecast = 7 * (Fraction(7, 10) * short + Fraction(3, 10) * long)
            expected.append((product_id, day, days.get(day, 0), short, long, trend, forecast))
            day += dt.timedelta(days=1)
    result = run(lines)
    assert result.height == len(expected)
    for found, (product_id, day, units, short, long, trend, forecast) in zip(
        result.rows(), expected, strict=True
    ):
        assert found[:3] == (product_id, day, units)
        assert found[3] == pytest.approx(float(short), rel=1e-12)
        assert found[4] == pytest.approx(float(long), rel=1e-12)
        assert found[5] == trend
        assert found[6] == pytest.approx(float(forecast), rel=1e-12)

    same_in_any_order(
        lambda **tables: sales_velocity(**tables, run_date=RUN),
        {"order_items": silver.order_items(lines)},
        random,
        GRAIN,
    )


def test_the_schema_names_what_is_wrong():
    result = run([sale(7, 0)])
    breaks(
        SCHEMA,
        result.with_columns(trend_signal=pl.lit("SIDEWAYS")),
        "trend_signal",
        "isin(['UP', 'DOWN', 'STABLE'])",
    )
    breaks(
        SCHEMA,
        result.with_columns(product_dt=pl.lit(RUN + dt.timedelta(days=1))),
        "product_dt",
        "product_dt is not after run_date",
    )
    breaks(
        SCHEMA, result.with_columns(velocity_7d=pl.lit(float("nan"))), "velocity_7d", "is finite"
    )
