from __future__ import annotations

import datetime as dt
import statistics
from decimal import Decimal
from fractions import Fraction
from random import Random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.contracts.enriched.daily_business_metrics import GRAIN, SCHEMA
from tasks.transforms.daily_business_metrics import daily_business_metrics
from tests.unit.transforms import silver_rows as silver
from tests.unit.transforms.enriched_checks import MONEY, breaks, computed, same_in_any_order

RUN = dt.date(2024, 3, 31)


def ago(days):
    return RUN - dt.timedelta(days=days)


def order(days_ago, net="10.00", gross=None, customer_id="C1"):
    return {
        "order_id": "O1",
        "customer_id": customer_id,
        "order_dt": ago(days_ago),
        "gross_total": gross or net,
        "net_total": net,
    }


def cart(days_ago, status="abandoned"):
    return {"created_dt": ago(days_ago), "cart_status": status}


def refund(days_ago, amount="5.00"):
    return {"return_id": "R1", "return_dt": ago(days_ago), "refunded_amount": amount}


def carts_frame(rows):
    return pl.LazyFrame(list(rows), schema={"created_dt": pl.Date, "cart_status": pl.String})


def run(orders=(), returns=(), carts=(), **parameters):
    return computed(
        daily_business_metrics(
            orders=silver.orders(orders),
            returns=silver.returns(returns),
            cart_attribution=carts_frame(carts),
            run_date=RUN,
            **parameters,
        ),
        SCHEMA,
        GRAIN,
    )


def today(result):
    return result.filter(dt=RUN).row(0, named=True)


def series(*nets):
    """An order a day, the last on the run date."""
    return [order(len(nets) - 1 - n, net) for n, net in enumerate(nets)]


def test_columns_and_types_also_without_rows():
    assert dict(run().schema) == {
        "dt": pl.Date,
        "orders_count": pl.Int64,
        "customers_count": pl.Int64,
        "gross_revenue": MONEY,
        "net_revenue": MONEY,
        "avg_order_value": pl.Float64,
        "carts_created": pl.Int64,
        "carts_converted": pl.Int64,
        "carts_abandoned": pl.Int64,
        "cart_conversion_rate": pl.Float64,
        "returns_count": pl.Int64,
        "return_rate": pl.Float64,
        "refund_total": MONEY,
        "orders_7d_avg": pl.Float64,
        "revenue_7d_avg": pl.Float64,
        "revenue_30d_avg": pl.Float64,
        "revenue_30d_std": pl.Float64,
        "revenue_anomaly": pl.String,
        "run_date": pl.Date,
    }
    assert run().height == 0


@pytest.mark.parametrize(
    "first",
    [
        {"orders": [order(3)]},
        {"carts": [cart(3)]},
        {"returns": [refund(3)]},
        {"orders": [order(1)], "returns": [refund(3)]},
    ],
)
def test_every_day_from_the_first_order_cart_or_return_to_the_run_date(first):
    result = run(**first)
    assert result["dt"].to_list() == [ago(3), ago(2), ago(1), RUN]
    assert result["run_date"].unique().to_list() == [RUN]


def test_a_day_without_anything_has_zeros_and_no_rates():
    row = today(run(orders=[order(1)]))
    zeros = ("orders_count", "customers_count", "carts_created", "carts_converted")
    assert [row[name] for name in zeros] == [0] * 4
    assert (row["carts_abandoned"], row["returns_count"]) == (0, 0)
    money = ("gross_revenue", "net_revenue", "refund_total")
    assert [row[name] for name in money] == [Decimal("0.00")] * 3
    rates = ("avg_order_value", "cart_conversion_rate", "return_rate")
    assert [row[name] for name in rates] == [None] * 3


def test_orders_customers_and_revenue_of_a_day():
    row = today(
        run(
            orders=[
                order(0, "10.00", "12.50"),
                order(0, "20.05", "20.05", customer_id="C2"),
                order(0, "0.00", "1.00"),
            ],
            returns=[refund(0, "2.50"), refund(0, None)],
        )
    )
    assert (row["orders_count"], row["customers_count"]) == (3, 2)
    assert row["gross_revenue"] == Decimal("33.55")
    assert row["net_revenue"] == Decimal("30.05")
    assert row["avg_order_value"] == pytest.approx(30.05 / 3, rel=1e-12)
    assert row["returns_count"] == 2
    assert row["return_rate"] == pytest.approx(2 / 3, rel=1e-12)
    assert row["refund_total"] == Decimal("2.50")


def test_returns_count_on_their_own_day():
    result = run(orders=[order(2)], returns=[refund(0)])
    assert result["returns_count"].to_list() == [0, 0, 1]
    assert result["return_rate"].to_list() == [0.0, None, None]


@pytest.mark.parametrize(
    ("statuses", "counts", "rate"),
    [
        (["converted", "abandoned", "abandoned", "abandoned"], (4, 1, 3), 0.25),
        (["converted"], (1, 1, 0), 1.0),
        (["abandoned"], (1, 0, 1), 0.0),
        (["empty"], (1, 0, 0), None),
        (["empty", "converted"], (2, 1, 0), 1.0),
        (["open", "converted"], (2, 1, 0), None),  # not 1: the day is not decided yet
        (["open", "converted", "abandoned"], (3, 1, 1), None),
    ],
)
def test_conversion_is_known_once_no_cart_of_the_day_is_open(statuses, counts, rate):
    row = today(run(carts=[cart(0, status) for status in statuses]))
    assert (row["carts_created"], row["carts_converted"], row["carts_abandoned"]) == counts
    assert row["cart_conversion_rate"] == rate


def test_an_open_cart_of_another_day_does_not_matter():
    result = run(carts=[cart(1, "converted"), cart(0, "open")])
    assert result["cart_conversion_rate"].to_list() == [1.0, None]


@pytest.mark.parametrize(("days_ago", "counted"), [(6, True), (7, False)])
def test_short_means_are_over_the_seven_days_ending_that_day(days_ago, counted):
    row = today(run(orders=[order(50, "1.00"), order(days_ago, "7.07")]))
    assert row["orders_7d_avg"] == pytest.approx(1 / 7 if counted else 0, rel=1e-12)
    assert row["revenue_7d_avg"] == pytest.approx(1.01 if counted else 0, rel=1e-12)


def test_short_means_hold_the_days_that_exist():
    result = run(orders=[order(2, "3.00"), order(0, "6.00")])
    assert result["orders_7d_avg"].to_list() == pytest.approx([1, 1 / 2, 2 / 3], rel=1e-12)
    assert result["revenue_7d_avg"].to_list() == pytest.approx([3, 1.5, 3], rel=1e-12)


@pytest.mark.parametrize(("days_ago", "counted"), [(0, False), (1, True), (30, True), (31, False)])
def test_long_mean_and_deviation_are_over_the_30_days_before_the_day(days_ago, counted):
    row = today(run(orders=[order(60, "1.00"), order(days_ago, "30.00")]))
    nets = [30.0 if counted else 0.0] + [0.0] * 29
    assert row["revenue_30d_avg"] == pytest.approx(statistics.mean(nets), rel=1e-12)
    assert row["revenue_30d_std"] == pytest.approx(statistics.stdev(nets), rel=1e-12)


def test_no_mean_of_no_day_and_no_deviation_of_one():
    result = run(orders=series("1.00", "3.00", "5.00"))
    assert result["revenue_30d_avg"].to_list() == [None, 1.0, 2.0]
    assert result["revenue_30d_std"].to_list() == [None, None, pytest.approx(2**0.5, rel=1e-12)]


@pytest.mark.parametrize("net", ["0.01", "0.10", "33333.33", "99999999999.99"])
def test_a_constant_series_has_a_deviation_of_exactly_zero(net):
    result = run(orders=[order(70, "99999999999.99"), *series(*[net] * 66)])
    constant = result.filter(pl.col("dt") > ago(34))
    assert constant["revenue_30d_std"].to_list() == [0.0] * 34
    assert constant["revenue_anomaly"].to_list() == ["NORMAL"] * 34


def test_a_cent_of_variation_survives_beside_huge_revenue():
    nets = [Decimal("99999999999.99") - Decimal(n % 3) / 100 for n in range(40)]
    row = today(run(orders=series(*nets)))
    exact = statistics.stdev(nets[-31:-1])
    assert row["revenue_30d_std"] == pytest.approx(float(exact), rel=1e-12)


@pytest.mark.parametrize(
    ("days_before", "anomaly"), [(13, "INSUFFICIENT_HISTORY"), (14, "HIGH"), (31, "HIGH")]
)
def test_an_anomaly_needs_14_days_of_the_series_before(days_before, anomaly):
    result = run(orders=series(*["10.00"] * days_before, "99.00"))
    assert today(result)["revenue_anomaly"] == anomaly
    assert result["revenue_anomaly"].to_list()[:13] == ["INSUFFICIENT_HISTORY"] * min(
        13, days_before
    )


def test_days_without_orders_are_history_too():
    row = today(run(carts=[cart(14)], orders=[order(0, "0.01")]))
    assert row["revenue_anomaly"] == "HIGH"
    row = today(run(carts=[cart(13)], orders=[order(0, "0.01")]))
    assert row["revenue_anomaly"] == "INSUFFICIENT_HISTORY"


@pytest.mark.parametrize(
    ("net", "anomaly"),
    [("10.01", "HIGH"), ("10.00", "NORMAL"), ("9.99", "LOW")],
)
def test_a_cent_off_a_constant_series_is_an_anomaly(net, anomaly):
    assert today(run(orders=series(*["10.00"] * 20, net)))["revenue_anomaly"] == anomaly


def spread(width):
    """16 days of mean 100.00, half of them `width` above it and half below."""
    return [Decimal(100) + width, Decimal(100) - width] * 8


@pytest.mark.parametrize("width", [Decimal("1.00"), Decimal("7.13"), Decimal("0.01")])
def test_limits_lie_two_deviations_and_half_a_cent_from_the_mean(width):
    before = spread(width)
    # The largest net at most two deviations plus half a cent above the mean.
    reach = 2 * width * (Decimal(16) / Decimal(15)).sqrt() + Decimal("0.005")
    inside = reach.quantize(Decimal("0.01"), rounding="ROUND_FLOOR")
    cent = Decimal("0.01")
    for net, anomaly in [
        (100 + inside, "NORMAL"),
        (100 + inside + cent, "HIGH"),
        (100 - inside, "NORMAL"),
        (100 - inside - cent, "LOW"),
    ]:
        assert today(run(orders=series(*before, net)))["revenue_anomaly"] == anomaly


def test_a_day_exactly_on_the_limit_is_normal():
    # 17 days, 16 of them 1.00 off in pairs and one on the mean: the deviation is exactly 1.00.
    before = [*spread(Decimal(1)), Decimal(100)]
    assert today(run(orders=series(*before, "102.00")))["revenue_30d_std"] == 1.0
    exact = {"anomaly_tolerance": 0}
    for net, anomaly in [("102.00", "NORMAL"), ("102.01", "HIGH"), ("97.99", "LOW")]:
        assert today(run(orders=series(*before, net), **exact))["revenue_anomaly"] == anomaly
    wide = {"anomaly_tolerance": 0.01}
    for net, anomaly in [("102.01", "NORMAL"), ("102.02", "HIGH"), ("97.99", "NORMAL")]:
        assert today(run(orders=series(*before, net), **wide))["revenue_anomaly"] == anomaly


def test_windows_history_and_factor_are_parameters():
    before = [*spread(Decimal(1)), Decimal(100)]
    orders = series(*before, "103.00")
    assert today(run(orders=orders, anomaly_std_factor=3.5))["revenue_anomaly"] == "NORMAL"
    late = today(run(orders=orders, anomaly_min_history_days=18))
    assert late["revenue_anomaly"] == "INSUFFICIENT_HISTORY"
    narrow = today(run(orders=orders, anomaly_window_days=2, short_window_days=2))
    assert narrow["revenue_30d_avg"] == 99.5
    assert narrow["revenue_7d_avg"] == 101.5
    two = run(orders=series("1.00", "1.00", "5.00"), anomaly_min_history_days=0)
    assert two["revenue_anomaly"].to_list() == ["INSUFFICIENT_HISTORY"] * 2 + ["HIGH"]


@st.composite
def business(draw):
    day = st.integers(0, 45)
    amount = st.decimals("0", "9999.99", places=2)
    orders = draw(
        st.lists(st.builds(order, day, amount, customer_id=st.sampled_from(["C1", "C2"])))
    )
    # Steady trade beneath the rest, so that the deviations are not all dominated by empty days.
    if draw(st.booleans()):
        orders += [order(n, draw(amount)) for n in range(45)]
    orders = [{**row, "gross_total": row["net_total"]} for row in orders]
    returns = draw(st.lists(st.builds(refund, day, st.none() | amount), max_size=8))
    status = st.sampled_from(["converted", "abandoned", "open", "empty"])
    return orders, returns, draw(st.lists(st.builds(cart, day, status), max_size=12))


@settings(deadline=None, max_examples=40)
@given(business(), st.randoms(use_true_random=False))
def test_agrees_with_plain_python_in_any_order_of_rows(data, random: Random):
    orders, returns, carts = data
    days = {row["order_dt"] for row in orders} | {row["return_dt"] for row in returns}
    days |= {row["created_dt"] for row in carts}
    result = run(orders, returns, carts)
    expected_days = (RUN - min(days)).days + 1 if days else 0
    assert result.height == expected_days
    nets: list[Decimal] = []
    counts: list[int] = []
    for row in result.rows(named=True):
        placed = [each for each in orders if each["order_dt"] == row["dt"]]
        refunds = [each for each in returns if each["return_dt"] == row["dt"]]
        net = sum((each["net_total"] for each in placed), Decimal(0))
        assert row["net_revenue"] == net
        assert row["customers_count"] == len({each["customer_id"] for each in placed})
        assert row["refund_total"] == sum(each["refunded_amount"] or 0 for each in refunds)
        before = nets[-30:]
        nets.append(net)
        counts.append(len(placed))
        last = nets[-7:]
        assert row["revenue_7d_avg"] == pytest.approx(float(sum(last) / len(last)), rel=1e-12)
        assert row["orders_7d_avg"] == pytest.approx(statistics.mean(counts[-7:]), rel=1e-12)
        if len(before) < 2:
            assert row["revenue_30d_std"] is None
        else:
            std = float(statistics.stdev([Fraction(each) for each in before]))
            assert row["revenue_30d_std"] == pytest.approx(std, rel=1e-9, abs=1e-9)
        anomaly = "INSUFFICIENT_HISTORY"
        if len(nets) > 14:
            exact = [Fraction(each) for each in before]
            mean, variance = statistics.mean(exact), statistics.variance(exact)
            assert row["revenue_30d_avg"] == pytest.approx(float(mean), rel=1e-12)
            beyond = abs(Fraction(net) - mean) - Fraction(5, 1000)
            anomaly = "NORMAL"
            if beyond > 0 and beyond**2 > 4 * variance:
                anomaly = "HIGH" if net > mean else "LOW"
        assert row["revenue_anomaly"] == anomaly

    same_in_any_order(
        lambda **tables: daily_business_metrics(**tables, run_date=RUN),
        {
            "orders": silver.orders(orders),
            "returns": silver.returns(returns),
            "cart_attribution": carts_frame(carts),
        },
        random,
        GRAIN,
    )


def test_the_schema_names_what_is_wrong():
    result = run(orders=series(*["10.00"] * 15), carts=[cart(0), cart(0, "converted")])
    breaks(
        SCHEMA,
        result.with_columns(avg_order_value=pl.lit(10.5)),
        "avg_order_value",
        "avg_order_value is its numerator over its denominator",
    )
    breaks(
        SCHEMA,
        result.with_columns(cart_conversion_rate=pl.lit(1.0)),
        "cart_conversion_rate",
        "conversion is converted over converted and abandoned",
    )
    breaks(
        SCHEMA,
        result.with_columns(revenue_anomaly=pl.lit("HIGH")),
        "revenue_anomaly",
        "HIGH is above the mean",
    )
    breaks(
        SCHEMA,
        result.with_columns(carts_abandoned=pl.lit(9, dtype=pl.Int64)),
        "carts_abandoned",
        "no more outcomes than carts",
    )
