from __future__ import annotations

import datetime as dt
import re
from decimal import ROUND_HALF_UP, Decimal
from random import Random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.contracts.enriched.regional_financials import GRAIN, SCHEMA
from tasks.transforms.regional_financials import regional_financials
from tests.unit.transforms import silver_rows as silver
from tests.unit.transforms.enriched_checks import MONEY, breaks, computed, same_in_any_order

RUN = dt.date(2024, 1, 14)
DAY = dt.date(2024, 1, 10)
IN_TEXAS = "1 Main St, Austin, TX 78701"


def order(order_id="O1", day=DAY, gross="100.00", net="100.00", **more):
    return {
        "customer_id": "C1",
        "order_channel": "web",
        "shipping_address": IN_TEXAS,
        **more,
        "order_id": order_id,
        "order_dt": day,
        "gross_total": gross,
        "net_total": net,
    }


def refund(order_id="O1", amount="5.00", day=DAY):
    return {"return_id": "R1", "order_id": order_id, "refunded_amount": amount, "return_dt": day}


def run(orders=(), returns=(), rates=()):
    return computed(
        regional_financials(
            orders=silver.orders(orders),
            returns=silver.returns(returns),
            region_tax_rates=silver.region_tax_rates(rates),
            run_date=RUN,
        ),
        SCHEMA,
        GRAIN,
    )


def test_columns_and_types_also_without_rows():
    assert dict(run(rates=[{"region": "US-TX", "tax_rate": "0.05"}]).schema) == {
        "dt": pl.Date,
        "region": pl.String,
        "order_channel": pl.String,
        "orders_count": pl.Int64,
        "customers_count": pl.Int64,
        "gross_revenue": MONEY,
        "discount_total": MONEY,
        "net_revenue": MONEY,
        "tax_rate": pl.Float64,
        "tax_amount": MONEY,
        "revenue_after_tax": MONEY,
        "refunded_amount": MONEY,
        "run_date": pl.Date,
    }


@pytest.mark.parametrize(
    ("address", "region"),
    [
        ("1 Main St, Austin, TX 78701", "US-TX"),
        ("1 Main St, Austin, tx 78701", "US-TX"),
        ("1 Main St\nAustin\nTx, 78701-1234", "US-TX"),
        ("Unit 7 Box 12, APO AE 12345", "US-AE"),
        ("TX 78701", "US-TX"),
        ("Austin,TX  78701", "US-TX"),
        ("AustinTX 78701", "UNKNOWN"),  # not two letters of their own
        ("Austin, TEX 78701", "UNKNOWN"),
        ("Austin, TX78701", "UNKNOWN"),
        ("Austin, TX 7870", "UNKNOWN"),
        ("Austin, TX 787011", "UNKNOWN"),
        ("Austin, TX 78701-12", "UNKNOWN"),
        ("Austin, TX 78701 USA", "UNKNOWN"),  # the ZIP must end the address
        ("TX 78701, Paris", "UNKNOWN"),
        ("CA 90210, Austin, TX 78701", "US-TX"),
        ("", "UNKNOWN"),
        (None, "UNKNOWN"),
    ],
)
def test_the_region_is_the_two_letters_before_the_final_zip(address, region):
    assert run([order(shipping_address=address)])["region"].to_list() == [region]


@pytest.mark.parametrize(
    ("shipping", "billing", "region"),
    [
        (IN_TEXAS, "Reno, NV 89501", "US-TX"),
        (None, "Reno, NV 89501", "US-NV"),
        ("somewhere abroad", "Reno, NV 89501", "UNKNOWN"),  # present, so it decides
        (None, None, "UNKNOWN"),
    ],
)
def test_the_first_address_present_decides(shipping, billing, region):
    result = run([order(shipping_address=shipping, billing_address=billing)])
    assert result["region"].to_list() == [region]


def test_a_channel_that_is_null_becomes_unknown_and_joins_that_group():
    result = run(
        [
            order("O1", order_channel=None),
            order("O2", order_channel="unknown"),
            order("O3", order_channel="phone"),
        ],
        [refund("O1")],
    )
    assert result.select("order_channel", "orders_count", "refunded_amount").rows() == [
        ("phone", 1, Decimal(0)),
        ("unknown", 2, Decimal("5.00")),
    ]


def test_sums_skip_nulls_and_customers_are_distinct():
    (row,) = run(
        [
            order("O1", gross="100.10", net="90.05", total_discount_amount="10.05"),
            order("O2", gross="50.25", net="50.25", total_discount_amount=None),
            order("O3", gross="1.00", net="1.00", customer_id="C2"),
        ]
    ).rows(named=True)
    assert (row["orders_count"], row["customers_count"]) == (3, 2)
    assert row["gross_revenue"] == Decimal("151.35")
    assert row["discount_total"] == Decimal("10.05")
    assert row["net_revenue"] == Decimal("141.30")
    assert row["refunded_amount"] == 0
    assert row["run_date"] == RUN


def test_refunds_count_on_their_own_day_with_region_and_channel_of_the_order():
    later = DAY + dt.timedelta(days=2)
    result = run(
        [order("O1", order_channel="phone", shipping_address="Reno, NV 89501")],
        [refund("O1", "30.00", later), refund("O1", None, later), refund("O1", "0.50", later)],
    )
    assert result.select(
        "dt", "region", "order_channel", "orders_count", "net_revenue", "refunded_amount"
    ).rows() == [
        (DAY, "US-NV", "phone", 1, Decimal("100.00"), Decimal("0.00")),
        (later, "US-NV", "phone", 0, Decimal("0.00"), Decimal("30.50")),
    ]
    assert result["customers_count"].to_list() == [1, 0]


def test_a_refund_whose_order_is_missing_is_not_lost():
    result = run([order("O1")], [refund("O9", "7.00")])
    assert result.select("region", "order_channel", "refunded_amount").rows() == [
        ("UNKNOWN", "unknown", Decimal("7.00")),
        ("US-TX", "web", Decimal("0.00")),
    ]


def test_without_a_rate_there_is_no_tax():
    (row,) = run([order()], rates=[{"region": "US-NV", "tax_rate": "0.05"}]).rows(named=True)
    assert (row["tax_rate"], row["tax_amount"]) == (0.0, Decimal("0.00"))
    assert row["revenue_after_tax"] == Decimal("100.00")


@pytest.mark.parametrize(
    ("net", "rate", "tax"),
    [
        ("0.10", "0.05", "0.01"),  # 0.005 goes away from zero, not to even
        ("0.30", "0.05", "0.02"),  # 0.015
        ("0.50", "0.05", "0.03"),  # 0.025
        ("0.09", "0.05", "0.00"),  # 0.0045
        # 0.00499999...: rounding to six digits first would make it a cent
        ("0.01", "0.499999", "0.00"),
        ("0.01", "0.500000", "0.01"),
        ("67.11", "0.072495", "4.87"),
        ("1234.56", "0.000001", "0.00"),
        ("9999999999.99", "0.123456", "1234560000.00"),
    ],
)
def test_tax_is_the_exact_product_rounded_once_half_away_from_zero(net, rate, tax):
    (row,) = run([order(gross=net, net=net)], rates=[{"region": "US-TX", "tax_rate": rate}]).rows(
        named=True
    )
    assert row["tax_amount"] == Decimal(tax)
    assert row["revenue_after_tax"] == Decimal(net) - Decimal(tax)
    assert row["tax_rate"] == pytest.approx(float(rate), rel=1e-12)


def test_tax_is_rounded_once_a_row_and_not_once_an_order():
    (row,) = run(
        [order(f"O{n}", gross="0.10", net="0.10") for n in range(10)],
        rates=[{"region": "US-TX", "tax_rate": "0.05"}],
    ).rows(named=True)
    assert row["tax_amount"] == Decimal("0.05")


STATE = re.compile(r"(?:^|[\s,])([A-Za-z]{2}),?\s+\d{5}(-\d{4})?\Z")
ADDRESSES = [None, IN_TEXAS, "Reno, nv 89501", "somewhere abroad"]
amount = st.decimals("0", "99999.99", places=2)


@st.composite
def trade(draw):
    day = st.dates(RUN - dt.timedelta(days=2), RUN)
    orders = [
        order(
            f"O{n}",
            draw(day),
            gross=gross,
            net=draw(st.decimals("0", gross, places=2)),
            total_discount_amount=draw(st.none() | amount),
            customer_id=draw(st.sampled_from(["C1", "C2", "GUEST-1"])),
            order_channel=draw(st.sampled_from(["web", "phone", None])),
            shipping_address=draw(st.sampled_from(ADDRESSES)),
            billing_address=draw(st.sampled_from(ADDRESSES)),
        )
        for n, gross in enumerate(draw(st.lists(amount, max_size=10)))
    ]
    ids = [row["order_id"] for row in orders]
    returns = (
        draw(st.lists(st.builds(refund, st.sampled_from(ids), st.none() | amount, day), max_size=6))
        if ids
        else []
    )
    rate = st.decimals("0", "1", places=6)
    rates = draw(st.dictionaries(st.sampled_from(["US-TX", "US-NV", "UNKNOWN"]), rate))
    return orders, returns, [{"region": k, "tax_rate": v} for k, v in rates.items()]


@settings(deadline=None, max_examples=40)
@given(trade(), st.randoms(use_true_random=False))
def test_agrees_with_plain_python_in_any_order_of_rows(data, random: Random):
    orders, returns, rates = data
    rate_of = {row["region"]: row["tax_rate"] for row in rates}
    place = {}
    groups = {}
    for row in orders:
        address = row["shipping_address"] or row["billing_address"]
        match = STATE.search(address or "")
        region = "US-" + match[1].upper() if match else "UNKNOWN"
        place[row["order_id"]] = (region, row["order_channel"] or "unknown")
        groups.setdefault((row["order_dt"], *place[row["order_id"]]), ([], []))[0].append(row)
    for row in returns:
        groups.setdefault((row["return_dt"], *place[row["order_id"]]), ([], []))[1].append(row)
    result = run(orders, returns, rates)
    assert result.select(GRAIN).rows() == sorted(groups)
    for row in result.rows(named=True):
        placed, refunded = groups[row["dt"], row["region"], row["order_channel"]]
        net = sum((each["net_total"] for each in placed), Decimal(0))
        tax = (net * rate_of.get(row["region"], Decimal(0))).quantize(
            Decimal("0.01"), ROUND_HALF_UP
        )
        assert row["orders_count"] == len(placed)
        assert row["customers_count"] == len({each["customer_id"] for each in placed})
        assert row["gross_revenue"] == sum(each["gross_total"] for each in placed)
        assert row["discount_total"] == sum(each["total_discount_amount"] or 0 for each in placed)
        assert row["net_revenue"] == net
        assert row["tax_amount"] == tax
        assert row["revenue_after_tax"] == net - tax
        assert row["refunded_amount"] == sum(each["refunded_amount"] or 0 for each in refunded)

    same_in_any_order(
        lambda **tables: regional_financials(**tables, run_date=RUN),
        {
            "orders": silver.orders(orders),
            "returns": silver.returns(returns),
            "region_tax_rates": silver.region_tax_rates(rates),
        },
        random,
        GRAIN,
    )


@pytest.mark.parametrize(
    ("column", "value", "check"),
    [
        ("net_revenue", "100.01", "net revenue is at most gross"),
        ("tax_amount", "5.01", "tax is net revenue times the rate, to the cent"),
        ("revenue_after_tax", "94.99", "after tax is net revenue less tax"),
        ("refunded_amount", "-0.01", "greater_than_or_equal_to(0)"),
    ],
)
def test_the_schema_names_a_cent_that_is_wrong(column, value, check):
    result = run([order()], rates=[{"region": "US-TX", "tax_rate": "0.05"}])
    wrong = result.with_columns(pl.lit(Decimal(value)).cast(MONEY).alias(column))
    breaks(SCHEMA, wrong, column, check)


def test_the_schema_rejects_a_percentage_and_a_malformed_region():
    result = run([order()])
    breaks(SCHEMA, result.with_columns(tax_rate=pl.lit(7.25)), "tax_rate", "in_range(0, 1)")
    breaks(
        SCHEMA,
        result.with_columns(region=pl.lit("US-Tx")),
        "region",
        "str_matches('^(US-[A-Z]{2}|UNKNOWN)$')",
    )
