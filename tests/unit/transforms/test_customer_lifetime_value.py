from __future__ import annotations

import datetime as dt
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.contracts.enriched.customer_lifetime_value import GRAIN, SCHEMA
from tasks.transforms.customer_lifetime_value import customer_lifetime_value
from tests.unit.transforms import silver_rows as silver
from tests.unit.transforms.enriched_checks import MONEY, computed, same_in_any_order

RUN = dt.date(2024, 6, 30)
NOON = dt.datetime.fromisoformat("2024-06-30T12:00")

COLUMNS = {
    "customer_id": pl.String,
    "is_guest": pl.Boolean,
    "order_count": pl.Int64,
    "return_count": pl.Int64,
    "total_spent": MONEY,
    "total_refunded": MONEY,
    "net_clv": MONEY,
    "avg_order_value": pl.Float64,
    "first_order_dt": pl.Date,
    "last_order_dt": pl.Date,
    "days_since_last_order": pl.Int64,
    "cohort_month": pl.Date,
    "customer_segment": pl.String,
    "predicted_clv_bucket": pl.String,
    "actual_clv_bucket": pl.String,
    "run_date": pl.Date,
}


def order(order_id="O1", days_ago=1, net_total="10.00", customer_id="C1", **more):
    return {
        "order_id": order_id,
        "order_date": NOON - dt.timedelta(days=days_ago),
        "net_total": net_total,
        "customer_id": customer_id,
        **more,
    }


def orders_of(*net_totals, days_ago=1):
    return [order(f"O{n}", days_ago, amount) for n, amount in enumerate(net_totals)]


def back(order_id="O1", refunded_amount="1.00", return_id="R1", **more):
    return {
        "order_id": order_id,
        "refunded_amount": refunded_amount,
        "return_id": return_id,
        **more,
    }


def run(orders=(), customers=(), returns=(), **parameters) -> pl.DataFrame:
    return computed(
        customer_lifetime_value(
            orders=silver.orders(orders),
            customers=silver.customers(customers),
            returns=silver.returns(returns),
            run_date=RUN,
            **parameters,
        ),
        SCHEMA,
        GRAIN,
    )


def only(*args, **kwargs) -> dict:
    (row,) = run(*args, **kwargs).rows(named=True)
    return row


def test_without_input_there_is_an_empty_table_of_the_right_types():
    result = run()
    assert result.schema == COLUMNS
    assert result.is_empty()


def test_a_customer_adds_up():
    orders = [
        order("O1", 40, "100.10", clv_bucket="low"),
        order("O2", 3, "50.05", clv_bucket="medium"),
    ]
    customers = [{"customer_id": "C1", "is_guest": False, "clv_bucket": "high"}]
    returns = [back("O1", "20.00"), back("O2", None, "R2")]
    result = run(orders, customers, returns)
    assert result.schema == COLUMNS
    assert result.to_dicts() == [
        {
            "customer_id": "C1",
            "is_guest": False,
            "order_count": 2,
            "return_count": 2,
            "total_spent": Decimal("150.15"),
            "total_refunded": Decimal("20.00"),
            "net_clv": Decimal("130.15"),
            "avg_order_value": pytest.approx(75.075, rel=1e-12),
            "first_order_dt": dt.date(2024, 5, 21),
            "last_order_dt": dt.date(2024, 6, 27),
            "days_since_last_order": 3,
            "cohort_month": dt.date(2024, 5, 1),
            "customer_segment": "regular",
            "predicted_clv_bucket": "high",
            "actual_clv_bucket": "low",
            "run_date": RUN,
        }
    ]


def test_a_customer_without_orders_has_zeros_and_no_dates():
    row = only(customers=[{"customer_id": "C1", "is_guest": False}])
    counted = ("order_count", "return_count", "total_spent", "total_refunded", "net_clv")
    assert [row[name] for name in counted] == [0] * 5
    dated = (
        "avg_order_value",
        "first_order_dt",
        "last_order_dt",
        "days_since_last_order",
        "cohort_month",
    )
    assert [row[name] for name in dated] == [None] * 5
    assert row["customer_segment"] == "no_orders"
    assert row["predicted_clv_bucket"] == "unknown"
    assert row["actual_clv_bucket"] == "low"


def test_everyone_in_customers_or_in_orders_has_one_row():
    orders = [order("O1", customer_id="GUEST-1"), order("O2", customer_id="C2")]
    customers = [{"customer_id": "C1"}, {"customer_id": "C2"}]
    result = run([*orders, order("O3", customer_id="C2")], customers)
    assert result.select("customer_id", "order_count").rows() == [
        ("C1", 0),
        ("C2", 2),
        ("GUEST-1", 1),
    ]


@pytest.mark.parametrize(
    ("customer_id", "is_guest", "expected"),
    [
        ("C1", False, False),
        ("C1", True, True),
        ("C1", None, False),
        ("GUEST-1", None, True),
        ("GUEST-1", False, False),
        ("GUEST-1", True, True),
        ("guest-1", None, False),
        ("XGUEST-1", None, False),
        ("GUEST1", None, False),
    ],
)
def test_is_guest_is_the_customers_own_else_told_by_the_id(customer_id, is_guest, expected):
    assert only(customers=[{"customer_id": customer_id, "is_guest": is_guest}])["is_guest"] is (
        expected
    )


@pytest.mark.parametrize(("customer_id", "expected"), [("GUEST-7", True), ("C7", False)])
def test_without_a_row_in_customers_the_id_tells_a_guest(customer_id, expected):
    assert only([order(customer_id=customer_id)])["is_guest"] is expected


def test_refunds_count_for_who_placed_the_order():
    orders = [order("O1", net_total="30.00", customer_id="C1"), order("O2", customer_id="C2")]
    result = run(orders, returns=[back("O1", "12.34", customer_id="C2")])
    assert result.select("customer_id", "return_count", "total_refunded").rows() == [
        ("C1", 1, Decimal("12.34")),
        ("C2", 0, Decimal("0.00")),
    ]


def test_a_returner_who_never_ordered_is_no_customer():
    result = run([order("O1", customer_id="C1")], returns=[back("O1", customer_id="GUEST-9")])
    assert result["customer_id"].to_list() == ["C1"]


def test_several_returns_of_one_order_do_not_multiply_what_was_spent():
    returns = [back("O1", "1.10", f"R{n}") for n in range(3)]
    row = only([order("O1", net_total="10.00")], returns=returns)
    assert (row["order_count"], row["return_count"]) == (1, 3)
    assert (row["total_spent"], row["total_refunded"]) == (Decimal("10.00"), Decimal("3.30"))


def test_more_may_be_refunded_than_was_spent():
    assert only([order("O1")], returns=[back("O1", "25.00")])["net_clv"] == Decimal("-15.00")


def test_sums_are_exact_beyond_the_reach_of_floats():
    row = only(orders_of("9007199254740993.01", "0.02"))
    assert row["total_spent"] == Decimal("9007199254740993.03")


@pytest.mark.parametrize(
    ("days_ago", "orders", "segment"),
    [
        (89, 1, "one_timer"),
        (90, 1, "churned"),
        (91, 1, "churned"),
        (90, 9, "churned"),
        (0, 1, "one_timer"),
        (0, 2, "regular"),
        (89, 4, "regular"),
        (89, 5, "whale"),
        (89, 6, "whale"),
    ],
)
def test_segments_by_days_and_by_number_of_orders(days_ago, orders, segment):
    assert only(orders_of(*["1.00"] * orders, days_ago=days_ago))["customer_segment"] == segment


@pytest.mark.parametrize(
    ("net_totals", "refund", "segment"),
    [
        (["250.00", "250.00"], "0.00", "whale"),
        (["250.00", "249.99"], "0.00", "regular"),
        (["250.00", "250.01"], "0.01", "whale"),
        (["250.00", "250.01"], "0.02", "regular"),
        (["9999.00"], "0.00", "one_timer"),
    ],
)
def test_a_whale_is_worth_500_net_of_refunds(net_totals, refund, segment):
    row = only(orders_of(*net_totals), returns=[back("O0", refund)])
    assert row["customer_segment"] == segment


@pytest.mark.parametrize(
    ("net_total", "bucket"),
    [
        ("500.00", "high"),
        ("499.99", "medium"),
        ("200.00", "medium"),
        ("199.99", "low"),
        ("0.00", "low"),
    ],
)
def test_the_actual_bucket_is_of_the_net_value(net_total, bucket):
    assert only([order(net_total=net_total)])["actual_clv_bucket"] == bucket
    refunded = [order(net_total=str(Decimal(net_total) + 7))]
    assert only(refunded, returns=[back("O1", "7.00")])["actual_clv_bucket"] == bucket


def test_the_days_since_the_last_order_are_days_not_periods_of_24_hours():
    late = dt.datetime.fromisoformat("2024-04-01T23:59:59.999999")
    early = dt.datetime.fromisoformat("2024-04-02T00:00")
    assert only([order(order_date=late)])["customer_segment"] == "churned"
    assert only([order(order_date=early)])["customer_segment"] == "one_timer"


@pytest.mark.parametrize(
    ("own", "of_order", "expected"),
    [
        ("high", "low", "high"),
        ("low", None, "low"),
        (None, "medium", "medium"),
        (None, None, "unknown"),
        ("vip", "medium", "unknown"),
        (None, "vip", "unknown"),
    ],
)
def test_the_predicted_bucket_is_the_customers_else_the_latest_orders(own, of_order, expected):
    customers = [{"customer_id": "C1", "clv_bucket": own}]
    row = only([order(clv_bucket=of_order)], customers)
    assert row["predicted_clv_bucket"] == expected


@pytest.mark.parametrize(
    ("orders", "expected"),
    [
        ([("O1", 5, "low"), ("O2", 4, "high")], "high"),
        ([("O2", 5, "low"), ("O1", 4, "high")], "high"),
        ([("O1", 4, "low"), ("O2", 4, "high"), ("O10", 4, "medium")], "high"),
        ([("O1", 5, "low"), ("O2", 4, None)], "unknown"),
    ],
)
def test_the_latest_order_is_by_moment_and_then_by_id(orders, expected):
    guest = "GUEST-1"
    rows = [
        order(order_id, days_ago, customer_id=guest, clv_bucket=bucket)
        for order_id, days_ago, bucket in orders
    ]
    assert only(rows)["predicted_clv_bucket"] == expected


@pytest.mark.parametrize(
    ("first", "month"),
    [("2024-02-29", (2024, 2, 1)), ("2024-03-01", (2024, 3, 1)), ("2023-12-31", (2023, 12, 1))],
)
def test_the_cohort_is_the_month_of_the_first_order(first, month):
    orders = [order("O1", order_date=dt.datetime.fromisoformat(first)), order("O2")]
    assert only(orders)["cohort_month"] == dt.date(*month)


def test_thresholds_are_parameters():
    orders = orders_of("60.00", "40.00", days_ago=10)
    assert only(orders, churn_days=10)["customer_segment"] == "churned"
    assert only(orders, churn_days=11)["customer_segment"] == "regular"
    assert only(orders, whale_orders=2)["customer_segment"] == "whale"
    assert only(orders, whale_net_clv=100)["customer_segment"] == "whale"
    assert only(orders, whale_net_clv=100.001)["customer_segment"] == "regular"
    assert only(orders, high_net_clv=Decimal("100.00"))["actual_clv_bucket"] == "high"
    assert only(orders, medium_net_clv=100)["actual_clv_bucket"] == "medium"
    assert only(orders, medium_net_clv=100.001)["actual_clv_bucket"] == "low"


IDS = st.sampled_from(["C1", "C2", "C3", "GUEST-1", "GUEST-2"])
CENTS = st.integers(0, 60_000).map(lambda cents: Decimal(cents) / 100)
BUCKETS = st.sampled_from([None, "high", "medium", "low", "vip"])
ORDERS = st.lists(st.tuples(IDS, st.sampled_from([0, 1, 89, 90, 200]), CENTS, BUCKETS), max_size=12)
CUSTOMERS = st.dictionaries(IDS, st.tuples(st.sampled_from([None, True, False]), BUCKETS))
RETURNS = st.lists(st.tuples(st.integers(0, 11), IDS, st.none() | CENTS), max_size=6)


def rows(orders, customers, returns):
    return (
        [
            order(f"O{n}", days, amount, who, clv_bucket=bucket)
            for n, (who, days, amount, bucket) in enumerate(orders)
        ],
        [
            {"customer_id": who, "is_guest": guest, "clv_bucket": bucket}
            for who, (guest, bucket) in customers.items()
        ],
        [
            back(f"O{of}", amount, f"R{n}", customer_id=who)
            for n, (of, who, amount) in enumerate(returns)
            if of < len(orders)
        ],
    )


@settings(max_examples=50, deadline=None)
@given(ORDERS, CUSTOMERS, RETURNS)
def test_sums_over_customers_are_the_sums_of_silver(orders, customers, returns):
    order_rows, customer_rows, return_rows = rows(orders, customers, returns)
    result = run(order_rows, customer_rows, return_rows)
    spent = sum((row["net_total"] for row in order_rows), Decimal(0))
    refunded = sum((row["refunded_amount"] or Decimal(0) for row in return_rows), Decimal(0))
    assert result["total_spent"].sum() == spent
    assert result["total_refunded"].sum() == refunded
    assert result["order_count"].sum() == len(order_rows)
    assert result["return_count"].sum() == len(return_rows)
    people = {row["customer_id"] for row in [*order_rows, *customer_rows]}
    assert set(result["customer_id"]) == people


@settings(max_examples=50, deadline=None)
@given(ORDERS, CUSTOMERS)
def test_the_predicted_bucket_agrees_with_a_sort_by_hand(orders, customers):
    order_rows, customer_rows, _ = rows(orders, customers, [])
    result = run(order_rows, customer_rows)
    own = {row["customer_id"]: row["clv_bucket"] for row in customer_rows}
    in_time = sorted(order_rows, key=lambda row: (row["order_date"], row["order_id"]))
    latest = {row["customer_id"]: row["clv_bucket"] for row in in_time}
    for who, bucket in result.select("customer_id", "predicted_clv_bucket").rows():
        chosen = own.get(who) or latest.get(who)
        assert bucket == (chosen if chosen in ("high", "medium", "low") else "unknown")


@settings(max_examples=25, deadline=None)
@given(ORDERS, CUSTOMERS, RETURNS, st.randoms(use_true_random=False))
def test_the_order_of_rows_means_nothing(orders, customers, returns, random):
    order_rows, customer_rows, return_rows = rows(orders, customers, returns)
    same_in_any_order(
        lambda **frames: customer_lifetime_value(**frames, run_date=RUN),
        {
            "orders": silver.orders(order_rows),
            "customers": silver.customers(customer_rows),
            "returns": silver.returns(return_rows),
        },
        random,
        GRAIN,
    )
