from __future__ import annotations

import datetime as dt
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.contracts.enriched.attributed_purchases import GRAIN, SCHEMA
from tasks.transforms.attributed_purchases import attributed_purchases
from tests.unit.transforms import silver_rows as silver
from tests.unit.transforms.enriched_checks import MONEY, computed, same_in_any_order

RUN = dt.date(2024, 1, 14)
NOON = dt.datetime.fromisoformat("2024-01-10T12:00")
MORNING = dt.datetime.fromisoformat("2024-01-10T07:00")
MICROSECOND = dt.timedelta(microseconds=1)
TIMESTAMP = pl.Datetime("us")

COLUMNS = {
    "order_id": pl.String,
    "customer_id": pl.String,
    "order_date": TIMESTAMP,
    "order_dt": pl.Date,
    "order_channel": pl.String,
    "net_total": MONEY,
    "cart_id": pl.String,
    "cart_created_at": TIMESTAMP,
    "cart_total": MONEY,
    "hours_to_purchase": pl.Float64,
    "is_attributed": pl.Boolean,
    "is_recovered": pl.Boolean,
    "run_date": pl.Date,
}


def hours(number: float) -> dt.timedelta:
    return dt.timedelta(hours=number)


def order(order_id="O1", order_date=NOON, customer_id="C1", **more):
    return {
        "order_id": order_id,
        "order_date": order_date,
        "customer_id": customer_id,
        "net_total": "10.00",
        **more,
    }


def cart(cart_id="K1", created_at=MORNING, customer_id="C1", cart_total="20.00", **more):
    return {
        "cart_id": cart_id,
        "created_at": created_at,
        "customer_id": customer_id,
        "cart_total": cart_total,
        **more,
    }


def run(orders=(), carts=(), items=(), **parameters) -> pl.DataFrame:
    return computed(
        attributed_purchases(
            orders=silver.orders(orders),
            shopping_carts=silver.shopping_carts(carts),
            cart_items=silver.cart_items(items),
            run_date=RUN,
            **parameters,
        ),
        SCHEMA,
        GRAIN,
    )


def cart_ids(orders, carts, items=(), **parameters) -> dict[str, str | None]:
    result = run(orders, carts, items, **parameters)
    return dict(result.select("order_id", "cart_id").rows())


def is_recovered(touched_at, **parameters) -> bool:
    carts = [cart(updated_at=touched_at)]
    return run([order()], carts, **parameters)["is_recovered"].item()


def test_without_input_there_is_an_empty_table_of_the_right_types():
    result = run()
    assert result.schema == COLUMNS
    assert result.is_empty()


def test_an_order_shows_its_cart():
    row = run([order(order_channel="web")], [cart(updated_at=NOON - hours(2))])
    assert row.schema == COLUMNS
    assert row.to_dicts() == [
        {
            "order_id": "O1",
            "customer_id": "C1",
            "order_date": NOON,
            "order_dt": NOON.date(),
            "order_channel": "web",
            "net_total": Decimal("10.00"),
            "cart_id": "K1",
            "cart_created_at": MORNING,
            "cart_total": Decimal("20.00"),
            "hours_to_purchase": 5.0,
            "is_attributed": True,
            "is_recovered": True,
            "run_date": RUN,
        }
    ]


def test_an_order_without_a_cart_stays_and_says_so():
    row = run([order(order_channel=None)]).row(0, named=True)
    assert row["net_total"] == Decimal("10.00")
    cart_columns = ("cart_id", "cart_created_at", "cart_total", "hours_to_purchase")
    assert [row[name] for name in cart_columns] == [None] * 4
    assert (row["is_attributed"], row["is_recovered"]) == (False, False)


def test_carts_without_orders_make_no_rows():
    assert run([], [cart()]).is_empty()


@pytest.mark.parametrize(
    ("wait", "leads"),
    [
        (hours(0), True),
        (-MICROSECOND, False),
        (hours(48) - MICROSECOND, True),
        (hours(48), True),
        (hours(48) + MICROSECOND, False),
        (hours(96), False),
    ],
)
@pytest.mark.parametrize(
    "created_at",
    [
        # Multiples of 48 hours since 1970 and their neighbours: the ends of the join's buckets.
        dt.datetime.fromisoformat("1970-01-01"),
        dt.datetime.fromisoformat("2024-01-09"),
        dt.datetime.fromisoformat("2024-01-09") - MICROSECOND,
        dt.datetime.fromisoformat("2024-01-09") + MICROSECOND,
        dt.datetime.fromisoformat("2024-01-08T07:30"),
        dt.datetime.fromisoformat("1969-12-30T23:00"),
    ],
)
def test_the_window_is_48_hours_with_both_ends(created_at, wait, leads):
    row = run([order(order_date=created_at + wait)], [cart(created_at=created_at)]).row(
        0, named=True
    )
    assert row["is_attributed"] is leads
    if leads:
        assert row["hours_to_purchase"] == pytest.approx(wait.total_seconds() / 3600, abs=1e-9)


@pytest.mark.parametrize("window", [0, 0.5, 1, 24, 100])
def test_the_window_is_a_parameter(window):
    orders = [
        order("O1", NOON + hours(window), customer_id="C1"),
        order("O2", NOON + hours(window) + MICROSECOND, customer_id="C2"),
    ]
    carts = [cart("K1", NOON, customer_id="C1"), cart("K2", NOON, customer_id="C2")]
    expected = {"O1": "K1", "O2": None}
    assert cart_ids(orders, carts, attribution_window_hours=window) == expected


@pytest.mark.parametrize("name", ["attribution_window_hours", "recovery_gap_hours"])
def test_negative_hours_are_refused(name):
    with pytest.raises(ValueError, match="negative"):
        run(**{name: -1})


def test_a_cart_leads_to_orders_of_its_own_customer_only():
    assert cart_ids([order(customer_id="C2")], [cart(customer_id="C1")]) == {"O1": None}


def test_a_guest_has_carts_too():
    guest = "GUEST-1"
    assert cart_ids([order(customer_id=guest)], [cart(customer_id=guest)]) == {"O1": "K1"}


def test_a_cart_leads_to_the_first_order_only():
    orders = [order("O2", NOON), order("O1", NOON + hours(1)), order("O0", NOON - hours(6))]
    assert cart_ids(orders, [cart()]) == {"O0": None, "O1": None, "O2": "K1"}


def test_of_orders_at_one_moment_the_least_order_id_is_the_first():
    orders = [order("O10"), order("O2"), order("O1"), order("o0")]
    assert cart_ids(orders, [cart()]) == {"O1": "K1", "O10": None, "O2": None, "o0": None}


def test_two_carts_of_one_order_the_latest_wins_and_the_other_converts_nothing():
    carts = [cart("K1", NOON - hours(4)), cart("K2", MORNING)]
    orders = [order("O1", NOON), order("O2", NOON + hours(1))]
    assert cart_ids(orders, carts) == {"O1": "K1", "O2": None}


def test_of_carts_at_one_moment_the_greatest_cart_id_wins():
    carts = [cart("K10"), cart("K2"), cart("K1"), cart("B9")]
    assert cart_ids([order()], carts) == {"O1": "K2"}


def test_ids_compare_by_their_bytes():
    carts = [cart("a"), cart("Z"), cart("\N{LATIN SMALL LETTER E WITH ACUTE}"), cart("z")]
    assert cart_ids([order()], carts) == {"O1": "\N{LATIN SMALL LETTER E WITH ACUTE}"}


def test_orders_at_one_moment_share_no_cart():
    carts = [cart("K1", NOON - hours(4)), cart("K2", MORNING)]
    assert cart_ids([order("O1"), order("O2")], carts) == {"O1": "K1", "O2": None}


def test_a_cart_between_two_orders_leads_to_the_second():
    carts = [cart("K1", NOON - hours(2)), cart("K2", NOON + hours(1))]
    orders = [order("O1", NOON), order("O2", NOON + hours(2))]
    assert cart_ids(orders, carts) == {"O1": "K1", "O2": "K2"}


def test_a_cart_made_at_the_moment_of_an_order_leads_to_that_order():
    orders = [order("O1", NOON), order("O2", NOON + hours(2))]
    assert cart_ids(orders, [cart(created_at=NOON)]) == {"O1": "K1", "O2": None}


@pytest.mark.parametrize(
    ("cart_total", "has_item", "leads"),
    [
        (None, False, False),
        ("0", False, False),
        ("0.01", False, True),
        (None, True, True),
        ("0", True, True),
        ("5", True, True),
    ],
)
def test_an_empty_cart_leads_nowhere(cart_total, has_item, leads):
    items = [{"cart_item_id": 1, "cart_id": "K1"}] if has_item else []
    items.append({"cart_item_id": 2, "cart_id": "another"})
    expected = {"O1": "K1" if leads else None}
    assert cart_ids([order()], [cart(cart_total=cart_total)], items) == expected


def test_an_empty_cart_does_not_hide_an_earlier_filled_one():
    carts = [cart("K1"), cart("K2", NOON - hours(1), cart_total=None)]
    assert cart_ids([order()], carts) == {"O1": "K1"}


def test_a_cart_with_many_items_is_one_cart():
    items = [{"cart_item_id": number, "cart_id": "K1"} for number in range(3)]
    result = run([order()], [cart(cart_total=None)], items)
    assert result["cart_id"].to_list() == ["K1"]
    assert result["cart_total"].to_list() == [None]


@pytest.mark.parametrize(
    ("gap", "recovered"),
    [
        (hours(1), True),
        (hours(1) - MICROSECOND, False),
        (hours(0), False),
        (-MICROSECOND, False),
        (-hours(30), False),
    ],
)
def test_a_recovered_cart_was_left_alone_for_an_hour_before_the_order(gap, recovered):
    assert is_recovered(NOON - gap) is recovered


def test_without_an_update_the_creation_is_the_last_touch():
    assert is_recovered(None) is True
    late = [cart(created_at=NOON - hours(1) + MICROSECOND, updated_at=None)]
    assert run([order()], late)["is_recovered"].to_list() == [False]


def test_the_recovery_gap_is_a_parameter():
    assert is_recovered(NOON - hours(2), recovery_gap_hours=2) is True
    assert is_recovered(NOON - hours(2) + MICROSECOND, recovery_gap_hours=2) is False
    assert is_recovered(NOON, recovery_gap_hours=0) is True
    assert is_recovered(NOON + MICROSECOND, recovery_gap_hours=0) is False


def test_thousands_of_carts_and_orders_of_one_customer():
    start = dt.datetime.fromisoformat("2023-12-01")
    orders = [order(f"O{n:05}", start + hours(n / 4) + MICROSECOND) for n in range(3000)]
    carts = [cart(f"K{n:05}", start + hours(n / 4)) for n in range(3000)]
    result = run(orders, carts)
    assert result["cart_id"].to_list() == [f"K{n:05}" for n in range(3000)]


# A grid of six hours puts the rows on each other and on the ends of the window.
MOMENTS = st.builds(
    lambda steps, jitter: NOON - steps * hours(6) + jitter * MICROSECOND,
    st.integers(0, 20),
    st.sampled_from([0, 0, 0, 1, -1]),
)
CUSTOMERS = st.sampled_from(["C1", "C2", "GUEST-1"])
ORDERS = st.lists(st.tuples(CUSTOMERS, MOMENTS), max_size=12)
CARTS = st.lists(
    st.tuples(
        CUSTOMERS,
        MOMENTS,
        st.none() | MOMENTS,
        st.sampled_from([None, "0", "7.50"]),
        st.integers(0, 2),
    ),
    max_size=12,
)


def tables(orders, carts):
    order_rows = [order(f"O{n}", at, who) for n, (who, at) in enumerate(orders)]
    cart_rows = [
        cart(f"K{n}", at, who, total, updated_at=None if touch is None else max(at, touch))
        for n, (who, at, touch, total, _) in enumerate(carts)
    ]
    item_rows = [
        {"cart_item_id": line, "cart_id": f"K{n}"}
        for n, (*_, lines) in enumerate(carts)
        for line in range(lines)
    ]
    return order_rows, cart_rows, item_rows


def by_hand(orders, carts, items):
    """What each order's cart is, found by looking at every pair one by one."""
    filled = {item["cart_id"] for item in items}
    winners = {}
    for candidate in sorted(carts, key=lambda row: (row["created_at"], row["cart_id"])):
        if candidate["cart_id"] not in filled and candidate["cart_total"] in (None, "0"):
            continue
        reached = [
            (row["order_date"], row["order_id"])
            for row in orders
            if row["customer_id"] == candidate["customer_id"]
            and hours(0) <= row["order_date"] - candidate["created_at"] <= hours(48)
        ]
        if reached:
            winners[min(reached)[1]] = candidate
    expected = {}
    for row in orders:
        winner = winners.get(row["order_id"])
        touch = winner and (winner["updated_at"] or winner["created_at"])
        expected[row["order_id"]] = (
            winner and winner["cart_id"],
            winner is not None and row["order_date"] - touch >= hours(1),
        )
    return expected


@settings(max_examples=60, deadline=None)
@given(ORDERS, CARTS)
def test_it_agrees_with_a_look_at_every_pair(orders, carts):
    rows = tables(orders, carts)
    result = run(*rows)
    found = {row[0]: row[1:] for row in result["order_id", "cart_id", "is_recovered"].rows()}
    assert found == by_hand(*rows)
    carts_of_orders = result["cart_id"].drop_nulls()
    assert carts_of_orders.n_unique() == len(carts_of_orders)


@settings(max_examples=25, deadline=None)
@given(ORDERS, CARTS, st.randoms(use_true_random=False))
def test_the_order_of_rows_means_nothing(orders, carts, random):
    order_rows, cart_rows, item_rows = tables(orders, carts)
    same_in_any_order(
        lambda **frames: attributed_purchases(**frames, run_date=RUN),
        {
            "orders": silver.orders(order_rows),
            "shopping_carts": silver.shopping_carts(cart_rows),
            "cart_items": silver.cart_items(item_rows),
        },
        random,
        GRAIN,
    )
