from __future__ import annotations

import datetime as dt

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.contracts.enriched.customer_retention_signals import GRAIN, SCHEMA
from tasks.transforms.customer_lifetime_value import customer_lifetime_value
from tasks.transforms.customer_retention_signals import customer_retention_signals
from tests.unit.transforms import silver_rows as silver
from tests.unit.transforms.enriched_checks import breaks, computed, same_in_any_order

RUN = dt.date(2024, 6, 30)
NOON = dt.datetime.fromisoformat("2024-06-30T12:00")

COLUMNS = {
    "customer_id": pl.String,
    "loyalty_tier": pl.String,
    "total_orders": pl.Int64,
    "first_purchase_dt": pl.Date,
    "last_purchase_dt": pl.Date,
    "days_since_first_buy": pl.Int64,
    "days_since_last_buy": pl.Int64,
    "is_in_danger_zone": pl.Boolean,
    "needs_bronze_nudge": pl.Boolean,
    "churn_risk_score": pl.Float64,
    "engagement_score": pl.Int64,
    "run_date": pl.Date,
}


def orders(*days_ago, customer_id="C1"):
    return [
        {
            "order_id": f"{customer_id}-{number}",
            "order_date": NOON - dt.timedelta(days=days),
            "customer_id": customer_id,
            "net_total": "1.00",
        }
        for number, days in enumerate(days_ago)
    ]


def member(loyalty_tier="bronze", customer_id="C1"):
    return {"customer_id": customer_id, "loyalty_tier": loyalty_tier}


def run(order_rows=(), customers=(), **parameters) -> pl.DataFrame:
    return computed(
        customer_retention_signals(
            orders=silver.orders(order_rows),
            customers=silver.customers(customers),
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


def test_a_customer_with_orders():
    result = run(orders(100, 45, 20), [member("bronze")])
    assert result.schema == COLUMNS
    assert result.to_dicts() == [
        {
            "customer_id": "C1",
            "loyalty_tier": "bronze",
            "total_orders": 3,
            "first_purchase_dt": dt.date(2024, 3, 22),
            "last_purchase_dt": dt.date(2024, 6, 10),
            "days_since_first_buy": 100,
            "days_since_last_buy": 20,
            "is_in_danger_zone": False,
            "needs_bronze_nudge": True,
            "churn_risk_score": pytest.approx(20 / 90, rel=1e-12),
            "engagement_score": 2,
            "run_date": RUN,
        }
    ]


def test_a_customer_without_orders_has_no_dates_and_no_risk():
    assert only(customers=[member("bronze")]) == {
        "customer_id": "C1",
        "loyalty_tier": "bronze",
        "total_orders": 0,
        "first_purchase_dt": None,
        "last_purchase_dt": None,
        "days_since_first_buy": None,
        "days_since_last_buy": None,
        "is_in_danger_zone": False,
        "needs_bronze_nudge": False,
        "churn_risk_score": None,
        "engagement_score": 0,
        "run_date": RUN,
    }


def test_a_guest_who_is_in_orders_only_has_a_row_without_a_tier():
    row = only(orders(40, customer_id="GUEST-1"))
    assert (row["customer_id"], row["loyalty_tier"]) == ("GUEST-1", None)
    assert (row["is_in_danger_zone"], row["needs_bronze_nudge"]) == (True, False)


@pytest.mark.parametrize(
    ("days_ago", "in_zone"),
    [
        ([29], False),
        ([30], True),
        ([89], True),
        ([90], False),
        ([0], False),
        ([45, 45], False),
        ([45, 200], False),
    ],
)
def test_the_danger_zone_is_one_order_of_30_to_89_days_ago(days_ago, in_zone):
    assert only(orders(*days_ago), [member("gold")])["is_in_danger_zone"] is in_zone


@pytest.mark.parametrize(
    ("tier", "days_ago", "nudge"),
    [
        ("bronze", [14], False),
        ("bronze", [15], True),
        ("bronze", [500], True),
        ("bronze", [15, 14], False),
        ("silver", [15], False),
        (None, [15], False),
    ],
)
def test_a_bronze_customer_needs_a_nudge_after_14_days(tier, days_ago, nudge):
    assert only(orders(*days_ago), [member(tier)])["needs_bronze_nudge"] is nudge


@pytest.mark.parametrize(
    ("days", "score"), [(0, 0.0), (1, 1 / 90), (45, 0.5), (89, 89 / 90), (90, 1.0), (400, 1.0)]
)
def test_the_risk_of_churn_grows_to_one_over_90_days(days, score):
    assert only(orders(days))["churn_risk_score"] == pytest.approx(score, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(
    ("days_ago", "score"), [([0], 1), ([89], 1), ([90], 0), ([0, 0, 89, 90, 300], 3)]
)
def test_engagement_counts_the_orders_of_90_days_that_end_with_the_run_date(days_ago, score):
    assert only(orders(*days_ago))["engagement_score"] == score


def test_thresholds_are_parameters():
    assert only(orders(10), danger_zone_days=10)["is_in_danger_zone"] is True
    assert only(orders(10), danger_zone_days=11)["is_in_danger_zone"] is False
    assert only(orders(40), churn_days=40)["is_in_danger_zone"] is False
    assert only(orders(40), churn_days=40)["churn_risk_score"] == 1.0
    assert only(orders(40), churn_days=80)["churn_risk_score"] == 0.5
    assert only(orders(5), [member()], nudge_days=4)["needs_bronze_nudge"] is True
    assert only(orders(5), [member()], nudge_days=5)["needs_bronze_nudge"] is False
    assert only(orders(0, 6, 7), engagement_window_days=7)["engagement_score"] == 2


@pytest.mark.parametrize("name", ["churn_days", "engagement_window_days"])
def test_periods_without_a_day_are_refused(name):
    with pytest.raises(ValueError, match="0"):
        run(**{name: 0})


IDS = st.sampled_from(["C1", "C2", "C3", "GUEST-1"])
ORDERS = st.lists(st.tuples(IDS, st.sampled_from([0, 14, 15, 29, 30, 89, 90, 300])), max_size=10)
MEMBERS = st.dictionaries(IDS, st.sampled_from([None, "bronze", "gold"]))


def rows(bought, members):
    order_rows = [
        {**orders(days, customer_id=who)[0], "order_id": f"O{number}"}
        for number, (who, days) in enumerate(bought)
    ]
    return order_rows, [member(tier, who) for who, tier in members.items()]


@settings(max_examples=40, deadline=None)
@given(ORDERS, MEMBERS)
def test_it_knows_the_customers_and_days_that_lifetime_value_knows(bought, members):
    order_rows, customer_rows = rows(bought, members)
    result = run(order_rows, customer_rows)
    value = customer_lifetime_value(
        silver.orders(order_rows), silver.customers(customer_rows), silver.returns([]), run_date=RUN
    ).collect()
    shared = ["order_count", "first_order_dt", "last_order_dt", "days_since_last_order"]
    assert (
        result.select(
            "customer_id",
            "total_orders",
            "first_purchase_dt",
            "last_purchase_dt",
            "days_since_last_buy",
        ).rows()
        == value.sort("customer_id").select("customer_id", *shared).rows()
    )
    churned = value.filter(pl.col("customer_segment") == "churned")["customer_id"]
    assert set(churned) == set(result.filter(pl.col("churn_risk_score") == 1)["customer_id"])
    assert result["engagement_score"].sum() == sum(days <= 89 for _, days in bought)


@settings(max_examples=25, deadline=None)
@given(ORDERS, MEMBERS, st.randoms(use_true_random=False))
def test_the_order_of_rows_means_nothing(bought, members, random):
    order_rows, customer_rows = rows(bought, members)
    same_in_any_order(
        lambda **frames: customer_retention_signals(**frames, run_date=RUN),
        {"orders": silver.orders(order_rows), "customers": silver.customers(customer_rows)},
        random,
        GRAIN,
    )


WITH_ORDERS = "exactly on customers with orders"


@pytest.mark.parametrize(
    ("column", "value", "check"),
    [
        ("total_orders", -1, "greater_than_or_equal_to(0)"),
        ("first_purchase_dt", RUN, "first_purchase_dt not after last_purchase_dt"),
        ("last_purchase_dt", None, f"last_purchase_dt {WITH_ORDERS}"),
        (
            "days_since_first_buy",
            7,
            "days_since_first_buy counts from first_purchase_dt to run_date",
        ),
        ("days_since_last_buy", 7, "days_since_last_buy counts from last_purchase_dt to run_date"),
        ("days_since_last_buy", -1, "greater_than_or_equal_to(0)"),
        ("is_in_danger_zone", True, "is_in_danger_zone only with exactly one order"),
        ("needs_bronze_nudge", True, "needs_bronze_nudge only in the bronze tier"),
        ("churn_risk_score", 1.01, "in_range(0, 1)"),
        ("churn_risk_score", None, f"churn_risk_score {WITH_ORDERS}"),
        ("engagement_score", 3, "engagement_score no more than total_orders"),
    ],
)
def test_the_schema_names_what_is_wrong_with_a_buyer(column, value, check):
    good = run(orders(20, 10))
    bad = good.with_columns(pl.lit(value, dtype=good.schema[column]).alias(column))
    breaks(SCHEMA, bad, column, check)


@pytest.mark.parametrize(
    ("column", "value", "check"),
    [
        ("days_since_first_buy", 1, f"days_since_first_buy {WITH_ORDERS}"),
        ("churn_risk_score", 0.0, f"churn_risk_score {WITH_ORDERS}"),
        ("needs_bronze_nudge", True, "needs_bronze_nudge only with orders"),
        ("engagement_score", None, "not_nullable"),
    ],
)
def test_the_schema_names_what_is_wrong_with_a_customer_without_orders(column, value, check):
    good = run(customers=[member("bronze")])
    bad = good.with_columns(pl.lit(value, dtype=good.schema[column]).alias(column))
    breaks(SCHEMA, bad, column, check)
