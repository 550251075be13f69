from __future__ import annotations

import datetime as dt
from decimal import Decimal
from random import Random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.contracts.enriched.product_performance import GRAIN, SCHEMA
from tasks.transforms.product_performance import product_performance
from tests.unit.transforms import silver_rows as silver
from tests.unit.transforms.enriched_checks import MONEY, breaks, computed, same_in_any_order

RUN = dt.date(2024, 1, 14)
DAY = dt.date(2024, 1, 10)

COLUMNS = {
    "product_id": pl.Int64,
    "product_dt": pl.Date,
    "product_name": pl.String,
    "category": pl.String,
    "units_sold": pl.Int64,
    "units_returned": pl.Int64,
    "units_in_carts": pl.Int64,
    "gross_revenue": MONEY,
    "discount_total": MONEY,
    "refunded_amount": MONEY,
    "net_revenue": MONEY,
    "cost_of_goods": MONEY,
    "gross_profit": MONEY,
    "net_margin": MONEY,
    "return_rate": pl.Float64,
    "cart_to_order_rate": pl.Float64,
    "margin_rate": pl.Float64,
    "catalog_unit_price": MONEY,
    "catalog_cost_price": MONEY,
    "inventory_quantity": pl.Int64,
    "run_date": pl.Date,
}


def line(product_id=1, quantity=1, unit_price="10.00", day=DAY, **more):
    return {
        "order_id": "O1",
        "product_id": product_id,
        "quantity": quantity,
        "unit_price": unit_price,
        "order_dt": day,
        **more,
    }


def run(lines=(), carts=(), returned=(), catalog=()):
    return computed(
        product_performance(
            order_items=silver.order_items(lines),
            cart_items=silver.cart_items(carts),
            return_items=silver.return_items(returned),
            product_catalog=silver.product_catalog(catalog),
            run_date=RUN,
        ),
        SCHEMA,
        GRAIN,
    )


def test_columns_and_types_also_when_nothing_happened():
    result = run(catalog=[{"product_id": 1}])
    assert result.height == 0
    assert dict(result.schema) == COLUMNS
    assert list(result.schema) == list(COLUMNS)


def test_each_source_counts_on_its_own_day():
    result = run(
        lines=[line(quantity=3)],
        returned=[{"product_id": 1, "quantity_returned": 2, "return_dt": dt.date(2024, 1, 11)}],
        carts=[{"product_id": 1, "quantity": 5, "added_dt": dt.date(2024, 1, 12)}],
    )
    assert result.select("product_dt", "units_sold", "units_returned", "units_in_carts").rows() == [
        (dt.date(2024, 1, 10), 3, 0, 0),
        (dt.date(2024, 1, 11), 0, 2, 0),
        (dt.date(2024, 1, 12), 0, 0, 5),
    ]
    assert result["run_date"].unique().to_list() == [RUN]


def test_formulas_of_one_product_day():
    (row,) = run(
        lines=[
            line(quantity=3, unit_price="19.99", discount_amount="5.00", cost_price="7.01"),
            line(quantity=2, unit_price="20.01", discount_amount=None, cost_price="8.00"),
        ],
        returned=[
            {"product_id": 1, "quantity_returned": 1, "refunded_amount": "19.99", "return_dt": DAY},
            {"product_id": 1, "quantity_returned": 1, "refunded_amount": None, "return_dt": DAY},
        ],
        carts=[{"product_id": 1, "quantity": 8, "added_dt": DAY}],
        catalog=[
            {
                "product_id": 1,
                "product_name": "Lamp",
                "category": "home",
                "unit_price": "21.00",
                "cost_price": "9.00",
                "inventory_quantity": 40,
            }
        ],
    ).rows(named=True)
    assert row["gross_revenue"] == Decimal("99.99")
    assert row["discount_total"] == Decimal("5.00")  # an amount a line, not a unit
    assert row["refunded_amount"] == Decimal("19.99")
    assert row["net_revenue"] == Decimal("75.00")
    assert row["cost_of_goods"] == Decimal("37.03")
    assert row["gross_profit"] == Decimal("57.96")
    assert row["net_margin"] == Decimal("37.97")
    assert row["return_rate"] == pytest.approx(2 / 5, rel=1e-12)
    assert row["cart_to_order_rate"] == pytest.approx(5 / 8, rel=1e-12)
    assert row["margin_rate"] == pytest.approx(37.97 / 99.99, rel=1e-12)
    assert row["catalog_unit_price"] == Decimal("21.00")
    assert row["catalog_cost_price"] == Decimal("9.00")
    assert (row["product_name"], row["category"], row["inventory_quantity"]) == ("Lamp", "home", 40)


@pytest.mark.parametrize(
    ("line_cost", "catalog_cost", "expected"),
    [
        ("4.00", "9.00", "12.00"),  # the line's
        ("0.00", "9.00", "0.00"),  # a cost of zero is a cost
        (None, "9.00", "27.00"),  # else the catalog's
        (None, None, "0.00"),  # else 0
    ],
)
def test_cost_is_of_the_line_else_of_the_catalog_else_zero(line_cost, catalog_cost, expected):
    result = run(
        lines=[line(quantity=3, cost_price=line_cost)],
        catalog=[{"product_id": 1, "cost_price": catalog_cost}],
    )
    assert result["cost_of_goods"].to_list() == [Decimal(expected)]


def test_lines_with_and_without_cost_add_up():
    result = run(
        lines=[line(quantity=3, cost_price="4.00"), line(quantity=2)],
        catalog=[{"product_id": 1, "cost_price": "9.99"}],
    )
    assert result["cost_of_goods"].to_list() == [Decimal("31.98")]


def test_a_product_that_the_snapshot_lacks_stays_without_attributes():
    (row,) = run(lines=[line(product_id=7, quantity=2)], catalog=[{"product_id": 1}]).rows(
        named=True
    )
    assert row["product_id"] == 7
    assert row["gross_revenue"] == Decimal("20.00")
    assert row["cost_of_goods"] == 0
    attributes = (
        "product_name",
        "category",
        "catalog_unit_price",
        "catalog_cost_price",
        "inventory_quantity",
    )
    assert [row[name] for name in attributes] == [None] * 5


def test_names_come_from_the_snapshot_not_from_the_line():
    result = run(
        lines=[line(product_name="Old name", category="old")],
        catalog=[{"product_id": 1, "product_name": "New name", "category": None}],
    )
    assert result.select("product_name", "category").rows() == [("New name", None)]


def test_cart_items_of_the_run_date_count_and_later_ones_do_not():
    result = run(
        carts=[
            {"product_id": 1, "quantity": 1, "added_dt": RUN},
            {"product_id": 1, "quantity": 2, "added_dt": RUN + dt.timedelta(days=1)},
            {"product_id": 2, "quantity": 4, "added_dt": RUN + dt.timedelta(days=1)},
        ]
    )
    assert result.select("product_id", "product_dt", "units_in_carts").rows() == [(1, RUN, 1)]


def test_rates_are_null_without_a_denominator_and_never_clipped():
    only_return = run(
        returned=[
            {"product_id": 1, "quantity_returned": 1, "refunded_amount": "5.00", "return_dt": DAY}
        ]
    )
    rates = ("return_rate", "cart_to_order_rate", "margin_rate")
    assert only_return.select(rates).rows() == [(None, None, None)]
    assert only_return["net_margin"].to_list() == [Decimal("-5.00")]

    more_returned_than_sold = run(
        lines=[line(quantity=1, cost_price="25.00")],
        returned=[{"product_id": 1, "quantity_returned": 3, "return_dt": DAY}],
        carts=[{"product_id": 1, "quantity": 1, "added_dt": DAY}],
    )
    assert more_returned_than_sold.select(rates).rows() == [(3.0, 1.0, -1.5)]

    free = run(lines=[line(unit_price="0.00")])
    assert free.select(rates).rows() == [(0.0, None, None)]


@st.composite
def activity(draw):
    product = st.integers(1, 3)
    day = st.dates(RUN - dt.timedelta(days=3), RUN + dt.timedelta(days=1))
    past = st.dates(RUN - dt.timedelta(days=3), RUN)
    amount = st.none() | st.decimals("0", "999999.99", places=2)
    price = st.decimals("0", "999999.99", places=2)
    units = st.integers(1, 1000)
    lines = draw(
        st.lists(
            st.builds(line, product, units, price, past, discount_amount=amount, cost_price=amount),
            max_size=12,
        )
    )
    carts = draw(
        st.lists(
            st.fixed_dictionaries({"product_id": product, "quantity": units, "added_dt": day}),
            max_size=8,
        )
    )
    returned = draw(
        st.lists(
            st.fixed_dictionaries(
                {
                    "product_id": product,
                    "quantity_returned": units,
                    "refunded_amount": amount,
                    "return_dt": past,
                }
            ),
            max_size=8,
        )
    )
    costs = draw(st.dictionaries(product, amount))
    catalog = [{"product_id": key, "cost_price": cost} for key, cost in costs.items()]
    return lines, carts, returned, catalog


def total(values):
    return sum((Decimal(value) for value in values if value is not None), Decimal(0))


@settings(deadline=None, max_examples=40)
@given(activity(), st.randoms(use_true_random=False))
def test_agrees_with_plain_python_in_any_order_of_rows(data, random: Random):
    lines, carts, returned, catalog = data
    costs = {row["product_id"]: row["cost_price"] for row in catalog}
    sold, back, added = {}, {}, {}
    for row in lines:
        sold.setdefault((row["product_id"], row["order_dt"]), []).append(row)
    for row in returned:
        back.setdefault((row["product_id"], row["return_dt"]), []).append(row)
    for row in carts:
        if row["added_dt"] <= RUN:
            added.setdefault((row["product_id"], row["added_dt"]), []).append(row)
    result = run(lines, carts, returned, catalog)
    assert result.select(GRAIN).rows() == sorted({*sold, *back, *added})
    for row in result.rows(named=True):
        key = (row["product_id"], row["product_dt"])
        own = sold.get(key, [])
        gross = total(each["quantity"] * each["unit_price"] for each in own)
        cost = Decimal(0)
        for each in own:
            price = each["cost_price"]
            if price is None:
                price = costs.get(key[0])
            cost += each["quantity"] * (price or Decimal(0))
        discount = total(each["discount_amount"] for each in own)
        refunds = total(each["refunded_amount"] for each in back.get(key, []))
        assert row["gross_revenue"] == gross
        assert row["net_revenue"] == gross - discount - refunds
        assert row["cost_of_goods"] == cost
        assert row["gross_profit"] == gross - discount - cost
        assert row["net_margin"] == gross - discount - cost - refunds
        assert row["units_sold"] == sum(each["quantity"] for each in own)
        assert row["units_in_carts"] == sum(each["quantity"] for each in added.get(key, []))
        assert row["units_returned"] == sum(each["quantity_returned"] for each in back.get(key, []))
    # To the cent, the table holds what silver holds.
    assert total(result["gross_revenue"]) == total(r["quantity"] * r["unit_price"] for r in lines)
    assert total(result["refunded_amount"]) == total(r["refunded_amount"] for r in returned)

    same_in_any_order(
        lambda **tables: product_performance(**tables, run_date=RUN),
        {
            "order_items": silver.order_items(lines),
            "cart_items": silver.cart_items(carts),
            "return_items": silver.return_items(returned),
            "product_catalog": silver.product_catalog(catalog),
        },
        random,
        GRAIN,
    )


@pytest.mark.parametrize(
    ("column", "value", "check"),
    [
        ("net_revenue", "10.01", "net revenue is gross less discounts and refunds"),
        ("gross_profit", "9.99", "gross profit is gross less discounts and cost"),
        ("net_margin", "9.99", "net margin is gross profit less refunds"),
    ],
)
def test_the_schema_names_a_cent_that_is_wrong(column, value, check):
    result = run(lines=[line()])
    wrong = result.with_columns(pl.lit(Decimal(value)).cast(MONEY).alias(column))
    breaks(SCHEMA, wrong, column, check)


def test_the_schema_rejects_a_rate_of_nothing():
    wrong = run(lines=[line()]).with_columns(cart_to_order_rate=pl.lit(0.0))
    breaks(
        SCHEMA,
        wrong,
        "cart_to_order_rate",
        "cart_to_order_rate is its numerator over its denominator",
    )
