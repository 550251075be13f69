from __future__ import annotations

import datetime as dt
from decimal import Decimal
from fractions import Fraction
from random import Random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.contracts.enriched.inventory_risk import GRAIN, SCHEMA
from tasks.transforms.inventory_risk import inventory_risk
from tasks.transforms.sales_velocity import sales_velocity
from tests.unit.transforms import silver_rows as silver
from tests.unit.transforms.enriched_checks import MONEY, breaks, computed, same_in_any_order

RUN = dt.date(2024, 3, 31)


def sale(quantity, days_ago, product_id=1):
    return {
        "order_id": "O1",
        "product_id": product_id,
        "quantity": quantity,
        "order_dt": RUN - dt.timedelta(days=days_ago),
    }


def returned(quantity, days_ago, product_id=1):
    return {
        "product_id": product_id,
        "quantity_returned": quantity,
        "return_dt": RUN - dt.timedelta(days=days_ago),
    }


def product(inventory, product_id=1, **more):
    return {"product_id": product_id, "inventory_quantity": inventory, **more}


def velocity(lines):
    return sales_velocity(order_items=silver.order_items(lines), run_date=RUN)


def run(lines=(), returns=(), catalog=(), **parameters):
    return computed(
        inventory_risk(
            sales_velocity=velocity(lines),
            return_items=silver.return_items(returns),
            product_catalog=silver.product_catalog(catalog),
            run_date=RUN,
            **parameters,
        ),
        SCHEMA,
        GRAIN,
    )


def only(*args, **kwargs):
    (row,) = run(*args, **kwargs).rows(named=True)
    return row


def sold_in_full_window(units):
    """Sales of a product that is older than the window, `units` of them in it."""
    return [sale(5, 100), sale(units, 27)]


def test_columns_and_types_also_without_rows():
    assert dict(run().schema) == {
        "product_id": pl.Int64,
        "product_name": pl.String,
        "category": pl.String,
        "inventory_quantity": pl.Int64,
        "sales_volume": pl.Int64,
        "return_volume": pl.Int64,
        "daily_velocity": pl.Float64,
        "days_of_cover": pl.Float64,
        "locked_capital": MONEY,
        "utilization_rate": pl.Float64,
        "return_rate": pl.Float64,
        "risk_tier": pl.String,
        "is_stockout_risk": pl.Boolean,
        "is_overstock": pl.Boolean,
        "expected_stockout_dt": pl.Date,
        "run_date": pl.Date,
    }


def test_formulas_of_one_product():
    row = only(
        sold_in_full_window(56),
        [returned(14, 0)],
        [product(100, product_name="Lamp", category="home", cost_price="3.35")],
    )
    assert (row["product_name"], row["category"]) == ("Lamp", "home")
    assert (row["sales_volume"], row["return_volume"]) == (56, 14)
    assert row["daily_velocity"] == 2.0
    assert row["days_of_cover"] == 50.0
    assert row["locked_capital"] == Decimal("335.00")
    assert row["utilization_rate"] == pytest.approx(56 / 156, rel=1e-12)
    assert row["return_rate"] == 0.25
    assert row["risk_tier"] == "HEALTHY"
    assert row["expected_stockout_dt"] == RUN + dt.timedelta(days=50)
    assert row["run_date"] == RUN


@pytest.mark.parametrize(("days_ago", "counted"), [(0, True), (27, True), (28, False)])
def test_volumes_are_of_the_last_28_days(days_ago, counted):
    row = only([sale(1, 100), sale(28, days_ago)], [returned(3, days_ago)], [product(10)])
    assert row["sales_volume"] == (28 if counted else 0)
    assert row["return_volume"] == (3 if counted else 0)
    assert row["daily_velocity"] == (1.0 if counted else 0.0)


def test_a_new_product_is_not_diluted_by_days_before_its_first_sale():
    row = only([sale(6, 2), sale(3, 0)], catalog=[product(30)])
    assert row["daily_velocity"] == 3.0
    assert row["days_of_cover"] == 10.0


def test_the_velocity_is_the_long_mean_of_the_run_date():
    lines = [sale(5, 100), sale(9, 13), sale(2, 27), sale(7, 9, 2), sale(1, 0, 2)]
    long_means = (
        velocity(lines).filter(pl.col("product_dt") == RUN).select("product_id", "velocity_28d")
    )
    assert dict(run(lines).select("product_id", "daily_velocity").rows()) == pytest.approx(
        dict(long_means.collect().rows()), rel=1e-12
    )


def test_a_product_that_never_sold_has_no_cover():
    row = only(catalog=[product(10, cost_price="2.00")])
    assert row["daily_velocity"] == 0.0
    assert row["days_of_cover"] is None
    assert row["expected_stockout_dt"] is None
    assert row["return_rate"] is None
    assert row["utilization_rate"] == 0.0
    assert row["risk_tier"] == "OVERSTOCK"


def test_nothing_in_stock_and_nothing_sold_is_healthy():
    row = only(catalog=[product(0, cost_price="2.00")])
    assert row["risk_tier"] == "HEALTHY"
    assert row["utilization_rate"] is None
    assert row["locked_capital"] == 0


@pytest.mark.parametrize("lines", [[], sold_in_full_window(28)])
def test_without_stock_figures_the_tier_is_unknown(lines):
    row = only(lines, catalog=[product(None, cost_price="2.00")])
    assert row["risk_tier"] == "UNKNOWN"
    assert (row["is_stockout_risk"], row["is_overstock"]) == (False, False)
    empty = ("days_of_cover", "locked_capital", "utilization_rate", "expected_stockout_dt")
    assert [row[name] for name in empty] == [None] * 4


def test_an_unknown_cost_locks_an_unknown_capital():
    assert only(catalog=[product(5, cost_price=None)])["locked_capital"] is None


@pytest.mark.parametrize(
    ("inventory", "units", "tier"),
    [
        # The stock lasts 28 days for each time that it holds the units sold.
        (0, 28, "STOCKOUT"),
        (1, 28, "HIGH"),
        (6, 28, "HIGH"),
        (7, 28, "MODERATE"),  # exactly 7 days
        (250, 1001, "HIGH"),  # just under 7
        (1000, 4000, "MODERATE"),  # exactly 7
        (20, 28, "MODERATE"),
        (21, 28, "HEALTHY"),  # exactly 21 days
        (749_999, 1_000_000, "MODERATE"),
        (180, 28, "HEALTHY"),  # exactly 180 days
        (181, 28, "OVERSTOCK"),
        (6_428_571, 1_000_000, "HEALTHY"),
        (6_428_572, 1_000_000, "OVERSTOCK"),
    ],
)
def test_the_tiers_change_exactly_at_their_limits(inventory, units, tier):
    row = only(sold_in_full_window(units), catalog=[product(inventory)])
    assert row["risk_tier"] == tier
    assert row["is_stockout_risk"] == (tier in {"STOCKOUT", "HIGH"})
    assert row["is_overstock"] == (tier == "OVERSTOCK")


@pytest.mark.parametrize(
    ("inventory", "units", "days"),
    [(3, 9, 21), (11, 33, 21), (7, 23, 23), (49, 161, 23), (7, 1, 1)],
)
def test_a_cover_of_exactly_seven_days_is_moderate_though_the_velocity_is_no_exact_float(
    inventory, units, days
):
    lines = [sale(units, days - 1)]
    assert only(lines, catalog=[product(inventory)])["risk_tier"] == "MODERATE"
    assert only(lines, catalog=[product(inventory - 1)])["risk_tier"] == "HIGH"


@pytest.mark.parametrize(
    ("inventory", "units", "days"),
    [
        (0, 28, 0),
        (1, 29, 0),  # the day of the run
        (7, 28, 7),
        (10, 29, 9),  # 9.65... is cut, not rounded
        (999_999, 28, 999_999),
        (1_000_000, 28, None),
        (35_714_285, 1000, 999_999),  # 999,999.98
        (35_714_286, 1000, None),  # 1,000,000.008
    ],
)
def test_the_stockout_is_expected_after_the_whole_days_of_cover(inventory, units, days):
    row = only(sold_in_full_window(units), catalog=[product(inventory)])
    expected = None if days is None else RUN + dt.timedelta(days=days)
    assert row["expected_stockout_dt"] == expected
    assert row["days_of_cover"] == pytest.approx(inventory * 28 / units, rel=1e-12)


def test_a_product_that_the_snapshot_lacks_stays_with_unknown_risk():
    result = run([sale(3, 1, product_id=7)], [returned(1, 40, product_id=8)], [product(5)])
    assert result.select("product_id", "risk_tier", "sales_volume", "return_volume").rows() == [
        (1, "OVERSTOCK", 0, 0),
        (7, "UNKNOWN", 3, 0),
        (8, "UNKNOWN", 0, 0),
    ]


def test_limits_are_parameters():
    lines, stock = sold_in_full_window(28), [product(10)]
    assert only(lines, catalog=stock, high_cover_days=10.5)["risk_tier"] == "HIGH"
    assert only(lines, catalog=stock, moderate_cover_days=10)["risk_tier"] == "HEALTHY"
    low = only(lines, catalog=stock, moderate_cover_days=9, overstock_cover_days=9.5)
    assert low["risk_tier"] == "OVERSTOCK"
    assert only(lines, catalog=stock, max_cover_days=10)["expected_stockout_dt"] is None
    assert only(lines, catalog=stock, volume_window_days=27)["sales_volume"] == 0


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.builds(sale, st.integers(1, 60), st.integers(0, 40), st.integers(1, 3)), max_size=9
    ),
    st.lists(st.builds(returned, st.integers(1, 9), st.integers(0, 40), st.integers(1, 3))),
    st.dictionaries(st.integers(1, 4), st.none() | st.integers(0, 400)),
    st.randoms(use_true_random=False),
)
def test_agrees_with_plain_python_in_any_order_of_rows(lines, returns, stocks, random: Random):
    catalog = [product(stock, key) for key, stock in stocks.items()]
    start = RUN - dt.timedelta(days=27)
    result = run(lines, returns, catalog)
    known = {row["product_id"] for row in [*lines, *returns, *catalog]}
    assert result["product_id"].to_list() == sorted(known)
    for row in result.rows(named=True):
        own = [line for line in lines if line["product_id"] == row["product_id"]]
        sold = sum(line["quantity"] for line in own if line["order_dt"] >= start)
        rate = Fraction(0)
        if own:
            first = max(start, min(line["order_dt"] for line in own))
            rate = Fraction(sold, (RUN - first).days + 1)
        stock = stocks.get(row["product_id"])
        cover = stock / rate if stock is not None and rate else None
        if stock is None:
            tier = "UNKNOWN"
        elif stock == 0 and rate:
            tier = "STOCKOUT"
        elif cover is not None and cover < 7:
            tier = "HIGH"
        elif cover is not None and cover < 21:
            tier = "MODERATE"
        elif (cover is not None and cover > 180) or (stock > 0 and not rate):
            tier = "OVERSTOCK"
        else:
            tier = "HEALTHY"
        assert row["risk_tier"] == tier
        assert row["daily_velocity"] == pytest.approx(float(rate), rel=1e-12)
        if cover is None:
            assert row["days_of_cover"] is None
            assert row["expected_stockout_dt"] is None
        else:
            assert row["days_of_cover"] == pytest.approx(float(cover), rel=1e-12)
            assert row["expected_stockout_dt"] == RUN + dt.timedelta(days=cover // 1)

    same_in_any_order(
        lambda **tables: inventory_risk(**tables, run_date=RUN),
        {
            "sales_velocity": velocity(lines),
            "return_items": silver.return_items(returns),
            "product_catalog": silver.product_catalog(catalog),
        },
        random,
        GRAIN,
    )


def test_the_schema_names_what_is_wrong():
    result = run(sold_in_full_window(28), catalog=[product(3)])
    breaks(
        SCHEMA,
        result.with_columns(is_stockout_risk=False),
        "is_stockout_risk",
        "stockout risk follows the tier",
    )
    breaks(
        SCHEMA, result.with_columns(is_overstock=True), "is_overstock", "overstock follows the tier"
    )
    breaks(
        SCHEMA,
        result.with_columns(risk_tier=pl.lit("UNKNOWN")),
        "risk_tier",
        "UNKNOWN exactly without stock figures",
    )
    breaks(
        SCHEMA,
        result.with_columns(expected_stockout_dt=pl.lit(RUN - dt.timedelta(days=1))),
        "expected_stockout_dt",
        "a stockout is not before run_date",
    )
