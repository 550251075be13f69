from __future__ import annotations

import datetime as dt
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.contracts.enriched.cart_attribution import GRAIN, SCHEMA
from tasks.transforms.attributed_purchases import attributed_purchases
from tasks.transforms.cart_attribution import cart_attribution
from tests.unit.transforms import silver_rows as silver
from tests.unit.transforms.enriched_checks import MONEY, breaks, computed, same_in_any_order

RUN = dt.date(2024, 1, 14)
# The first moment after the run date, and the creation of a cart whose 48 hours end there.
END_OF_RUN = dt.datetime.fromisoformat("2024-01-15T00:00")
LAST_OPEN = dt.datetime.fromisoformat("2024-01-13T00:00")
LONG_AGO = dt.datetime.fromisoformat("2024-01-05T08:00")
THREE_HOURS_LATER = dt.datetime.fromisoformat("2024-01-05T11:00")
MICROSECOND = dt.timedelta(microseconds=1)
TIMESTAMP = pl.Datetime("us")

CATALOG = [
    {"product_id": 1, "category": "home"},
    {"product_id": 2, "category": "home"},
    {"product_id": 3, "category": "toys"},
    {"product_id": 4, "category": None},
]

COLUMNS = {
    "cart_id": pl.String,
    "customer_id": pl.String,
    "created_at": TIMESTAMP,
    "created_dt": pl.Date,
    "cart_value": MONEY,
    "item_count": pl.Int64,
    "category_count": pl.Int64,
    "cart_status": pl.String,
    "order_id": pl.String,
    "order_date": TIMESTAMP,
    "order_channel": pl.String,
    "time_to_purchase_hours": pl.Float64,
    "abandoned_value": MONEY,
    "run_date": pl.Date,
}


def hours(number: float) -> dt.timedelta:
    return dt.timedelta(hours=number)


def cart(cart_id="K1", created_at=LONG_AGO, cart_total="20.00", customer_id="C1", **more):
    return {
        "cart_id": cart_id,
        "created_at": created_at,
        "cart_total": cart_total,
        "customer_id": customer_id,
        **more,
    }


def item(product_id=1, cart_id="K1", quantity=1, unit_price="10.00", **more):
    return {
        "product_id": product_id,
        "cart_id": cart_id,
        "quantity": quantity,
        "unit_price": unit_price,
        **more,
    }


def order(order_id="O1", order_date=THREE_HOURS_LATER, customer_id="C1", **more):
    return {
        "order_id": order_id,
        "order_date": order_date,
        "customer_id": customer_id,
        "net_total": "10.00",
        **more,
    }


def compute(orders, shopping_carts, cart_items, product_catalog, **parameters) -> pl.LazyFrame:
    return cart_attribution(
        shopping_carts=shopping_carts,
        cart_items=cart_items,
        attributed_purchases=attributed_purchases(
            orders, shopping_carts, cart_items, run_date=RUN, **parameters
        ),
        product_catalog=product_catalog,
        run_date=RUN,
        **parameters,
    )


def run(carts=(), items=(), orders=(), catalog=CATALOG, **parameters) -> pl.DataFrame:
    return computed(
        compute(
            silver.orders(orders),
            silver.shopping_carts(carts),
            silver.cart_items(items),
            silver.product_catalog(catalog),
            **parameters,
        ),
        SCHEMA,
        GRAIN,
    )


def only(*args, **kwargs) -> dict:
    (row,) = run(*args, **kwargs).rows(named=True)
    return row


def statuses(*args, **kwargs) -> dict[str, str]:
    return dict(run(*args, **kwargs).select("cart_id", "cart_status").rows())


def test_without_input_there_is_an_empty_table_of_the_right_types():
    result = run(catalog=())
    assert result.schema == COLUMNS
    assert result.is_empty()


def test_a_converted_cart_shows_its_order():
    result = run([cart()], [item(1), item(3)], [order(order_channel="app")])
    assert result.schema == COLUMNS
    assert result.to_dicts() == [
        {
            "cart_id": "K1",
            "customer_id": "C1",
            "created_at": LONG_AGO,
            "created_dt": LONG_AGO.date(),
            "cart_value": Decimal("20.00"),
            "item_count": 2,
            "category_count": 2,
            "cart_status": "converted",
            "order_id": "O1",
            "order_date": THREE_HOURS_LATER,
            "order_channel": "app",
            "time_to_purchase_hours": 3.0,
            "abandoned_value": None,
            "run_date": RUN,
        }
    ]


def test_an_abandoned_cart_shows_its_value_and_no_order():
    row = only([cart()], orders=[order(customer_id="C2")])
    assert row["cart_status"] == "abandoned"
    assert row["abandoned_value"] == row["cart_value"] == Decimal("20.00")
    order_columns = ("order_id", "order_date", "order_channel", "time_to_purchase_hours")
    assert [row[name] for name in order_columns] == [None] * 4


@pytest.mark.parametrize(
    ("cart_total", "items", "value"),
    [
        ("12.34", [item(quantity=9)], "12.34"),
        ("0", [item(quantity=9)], "0.00"),
        (None, [item(quantity=3, unit_price="19.99"), item(2, quantity=2)], "79.97"),
        (None, [], "0.00"),
    ],
)
def test_the_value_is_the_total_else_that_of_the_items_else_zero(cart_total, items, value):
    assert only([cart(cart_total=cart_total)], items)["cart_value"] == Decimal(value)


def test_values_of_items_are_exact_beyond_the_reach_of_floats():
    items = [item(quantity=3, unit_price="3333333333333333.11")]
    assert only([cart(cart_total=None)], items)["cart_value"] == Decimal("9999999999999999.33")


def test_the_value_is_of_the_lines_prices_not_of_the_catalogs():
    catalog = [{"product_id": 1, "unit_price": "99.00"}]
    row = only([cart(cart_total=None)], [item(unit_price="1.50")], catalog=catalog)
    assert row["cart_value"] == Decimal("1.50")


@pytest.mark.parametrize(
    ("products", "categories"),
    [
        ([], 0),
        ([1], 1),
        ([1, 1], 1),
        ([1, 2], 1),
        ([1, 2, 3], 2),
        ([4], 0),
        ([3, 4], 1),
        ([99], 0),
        ([1, 3, 4, 99], 2),
    ],
)
def test_items_are_rows_and_categories_are_distinct_and_known(products, categories):
    row = only([cart()], [item(product, quantity=7) for product in products])
    assert row["item_count"] == len(products)
    assert row["category_count"] == categories


def test_categories_come_from_the_snapshot():
    items = [item(1, category="garden"), item(2, category="sports")]
    assert only([cart()], items)["category_count"] == 1


def test_items_of_other_carts_do_not_count():
    row = only([cart()], [item(1), item(3, cart_id="K2")])
    assert (row["item_count"], row["category_count"]) == (1, 1)


@pytest.mark.parametrize(
    ("cart_total", "items", "status"),
    [
        (None, [], "empty"),
        ("0", [], "empty"),
        ("0.01", [], "abandoned"),
        (None, [item()], "abandoned"),
        ("0", [item()], "abandoned"),
        (None, [item(unit_price="0")], "abandoned"),
    ],
)
def test_an_empty_cart_has_neither_items_nor_a_total(cart_total, items, status):
    row = only([cart(cart_total=cart_total)], items)
    assert row["cart_status"] == status
    assert row["abandoned_value"] == (row["cart_value"] if status == "abandoned" else None)


def test_empty_comes_before_open():
    assert statuses([cart(created_at=LAST_OPEN, cart_total=None)]) == {"K1": "empty"}


@pytest.mark.parametrize(
    ("created_at", "status"),
    [
        (LAST_OPEN - MICROSECOND, "abandoned"),
        (LAST_OPEN, "open"),
        (LAST_OPEN + MICROSECOND, "open"),
        (END_OF_RUN - MICROSECOND, "open"),
    ],
)
def test_a_cart_is_open_while_its_window_reaches_the_midnight_that_ends_the_run(created_at, status):
    row = only([cart(created_at=created_at)])
    assert row["cart_status"] == status
    assert (row["abandoned_value"] is None) == (status == "open")


def test_converted_comes_before_open():
    carts = [cart(created_at=LAST_OPEN)]
    assert statuses(carts, orders=[order(order_date=LAST_OPEN)]) == {"K1": "converted"}


def test_the_window_is_a_parameter():
    carts = [cart("K1", END_OF_RUN - hours(1)), cart("K2", END_OF_RUN - hours(1) - MICROSECOND)]
    expected = {"K1": "open", "K2": "abandoned"}
    assert statuses(carts, attribution_window_hours=1) == expected


def test_negative_hours_are_refused():
    frames = (silver.shopping_carts([]), silver.cart_items([]), pl.LazyFrame(), pl.LazyFrame())
    with pytest.raises(ValueError, match="negative"):
        cart_attribution(*frames, run_date=RUN, attribution_window_hours=-1)


def test_an_order_converts_one_cart_and_the_others_are_abandoned():
    carts = [cart("K1"), cart("K2", LONG_AGO + hours(1)), cart("K3", LONG_AGO - hours(40))]
    expected = {"K1": "abandoned", "K2": "converted", "K3": "abandoned"}
    assert statuses(carts, orders=[order()]) == expected


MOMENTS = st.builds(
    lambda steps: END_OF_RUN - hours(6 * steps) - MICROSECOND, st.integers(0, 20)
) | st.sampled_from([LAST_OPEN, LAST_OPEN - MICROSECOND, LONG_AGO])
CUSTOMERS = st.sampled_from(["C1", "GUEST-1"])
LINES = st.lists(
    st.tuples(st.sampled_from([1, 2, 3, 4, 99]), st.integers(1, 3), st.sampled_from(["0", "3.33"])),
    max_size=3,
)
CARTS = st.lists(
    st.tuples(CUSTOMERS, MOMENTS, st.sampled_from([None, "0", "7.50"]), LINES), max_size=10
)
ORDERS = st.lists(st.tuples(CUSTOMERS, MOMENTS), max_size=6)


def tables(carts, orders):
    return {
        "orders": silver.orders(
            [order(f"O{n}", at, who, order_channel="web") for n, (who, at) in enumerate(orders)]
        ),
        "shopping_carts": silver.shopping_carts(
            [cart(f"K{n}", at, total, who) for n, (who, at, total, _) in enumerate(carts)]
        ),
        "cart_items": silver.cart_items(
            [
                item(product, f"K{n}", quantity, price)
                for n, (*_, lines) in enumerate(carts)
                for product, quantity, price in lines
            ]
        ),
        "product_catalog": silver.product_catalog(CATALOG),
    }


@settings(max_examples=40, deadline=None)
@given(CARTS, ORDERS)
def test_every_cart_has_one_row_and_every_attributed_order_one_cart(carts, orders):
    frames = tables(carts, orders)
    result = computed(compute(**frames), SCHEMA, GRAIN)
    category = {row["product_id"]: row["category"] for row in CATALOG}
    expected = {}
    for number, (_, _, total, lines) in enumerate(carts):
        value = sum((Decimal(price) * quantity for _, quantity, price in lines), Decimal(0))
        categories = {category.get(product) for product, _, _ in lines} - {None}
        expected[f"K{number}"] = (
            value if total is None else Decimal(total),
            len(lines),
            len(categories),
        )
    found = result.select("cart_id", "cart_value", "item_count", "category_count").rows()
    assert {row[0]: row[1:] for row in found} == expected
    purchases = attributed_purchases(
        frames["orders"], frames["shopping_carts"], frames["cart_items"], run_date=RUN
    ).collect()
    converted = result.filter(pl.col("cart_status") == "converted")
    attributed = purchases.filter("is_attributed")
    assert sorted(converted.select("order_id", "cart_id").rows()) == sorted(
        attributed.select("order_id", "cart_id").rows()
    )


@settings(max_examples=25, deadline=None)
@given(CARTS, ORDERS, st.randoms(use_true_random=False))
def test_the_order_of_rows_means_nothing(carts, orders, random):
    same_in_any_order(compute, tables(carts, orders), random, GRAIN)


@pytest.mark.parametrize(
    ("column", "value", "check"),
    [
        ("cart_id", None, "not_nullable"),
        ("created_dt", dt.date(2024, 1, 15), "created_dt is not after run_date"),
        ("cart_value", Decimal("-1.00"), "greater_than_or_equal_to(0)"),
        ("category_count", 3, "no more categories than items"),
        ("cart_status", "lost", "isin(['converted', 'empty', 'open', 'abandoned'])"),
        ("order_id", None, "order_id exactly on converted carts"),
        ("order_date", None, "order_date exactly on converted carts"),
        ("order_date", LONG_AGO - MICROSECOND, "order_date not before created_at"),
        ("time_to_purchase_hours", None, "time_to_purchase_hours exactly on converted carts"),
        ("time_to_purchase_hours", -1.0, "greater_than_or_equal_to(0)"),
        ("abandoned_value", Decimal("20.00"), "abandoned_value exactly on abandoned carts"),
    ],
)
def test_the_schema_names_what_is_wrong_with_a_converted_cart(column, value, check):
    good = run([cart()], [item(1), item(3)], [order()])
    bad = good.with_columns(pl.lit(value, dtype=good.schema[column]).alias(column))
    breaks(SCHEMA, bad, column, check)


@pytest.mark.parametrize(
    ("column", "value", "check"),
    [
        ("order_channel", "web", "order_channel only on converted carts"),
        ("order_id", "O1", "order_id exactly on converted carts"),
        ("abandoned_value", None, "abandoned_value exactly on abandoned carts"),
        ("abandoned_value", Decimal("19.99"), "abandoned_value is cart_value"),
    ],
)
def test_the_schema_names_what_is_wrong_with_an_abandoned_cart(column, value, check):
    good = run([cart()])
    bad = good.with_columns(pl.lit(value, dtype=good.schema[column]).alias(column))
    breaks(SCHEMA, bad, column, check)


@pytest.mark.parametrize(
    ("column", "value", "check"),
    [
        ("cart_value", Decimal("1.00"), "empty carts are worth nothing"),
        ("item_count", 1, "empty carts have no items"),
        ("cart_status", "open", "carts without items and value are empty"),
    ],
)
def test_the_schema_names_what_is_wrong_with_an_empty_cart(column, value, check):
    good = run([cart(cart_total=None)])
    bad = good.with_columns(pl.lit(value, dtype=good.schema[column]).alias(column))
    breaks(SCHEMA, bad, column, check)
