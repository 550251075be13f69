"""The clean shopping carts of one day and their items.

Belongs here: carts that lead to an order (touched until it, or left for hours before it), carts
that lead nowhere, empty ones. Does not belong here: orders, audit columns, anything invalid.
A cart's fate shows in the orders of the next two days, so those days' order heads are looked at.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import polars as pl

from tasks.sample_data import names
from tasks.sample_data.plan import (
    MICROS_PER_DAY,
    Bools,
    Ints,
    SamplePlan,
    Stream,
    chance,
    pick,
    products_of,
)
from tasks.sample_data.shop_orders import buyers, order_heads, product_names
from tasks.sample_data.text import customer_ids, money, numbered, spelled, stamped

_MINUTE = 60_000_000
_HOUR = 60 * _MINUTE
_LOOK_AHEAD_DAYS = 2
_CARTS_A_NUMBER = 8  # cart numbers for each order number: 0-2 lead to it, 4-5 lead nowhere
_ITEMS_A_CART = 16
_OTHER_CARTS_AN_ORDER = 1.7
_QUANTITIES = (0.0, 0.31, 0.31, 0.24, 0.06, 0.05, 0.03)
_FORM = "%Y-%m-%dT%H:%M:%S%.6f"


@dataclass(frozen=True)
class Carts:
    """Carts as arrays; `deadline` is the latest moment (µs) at which they may be touched."""

    number: Ints
    person: Ints
    guest: Bools
    created: Ints
    deadline: Ints
    linked: Bools
    empty: Bools

    def where(self, mask: Bools) -> "Carts":
        """Only the carts where `mask`."""
        return Carts(*(getattr(self, name)[mask] for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class CartDay:
    """All carts created on one day, and their items (`cart` is the cart's place)."""

    carts: Carts
    updated: Ints
    cart: Ints
    item: Ints
    product: Ints
    quantity: Ints
    added: Ints


@lru_cache(maxsize=4)
def _linked_carts(plan: SamplePlan, order_day: int) -> Carts:
    """The carts, created up to 47 hours before, that lead to the orders of `order_day`."""
    random = plan.random(Stream.LINKED_CARTS, order_day)
    heads = order_heads(plan, order_day)
    count = len(heads.number)
    carts = chance(random, count, 0.75) * (1 + pick(random, count, (0.82, 0.14, 0.04)))
    order = np.repeat(np.arange(count), carts)
    total = len(order)
    nth = np.arange(total) - np.repeat(np.cumsum(carts) - carts, carts)
    soon = random.exponential(0.4, total).clip(0.01, 20)
    hours = np.where(chance(random, total, 0.6), soon, random.uniform(1, 47, total))
    return Carts(
        number=heads.number[order] * _CARTS_A_NUMBER + nth,
        person=heads.person[order],
        guest=heads.guest[order],
        created=heads.moment[order] - (hours * _HOUR).astype(np.int64),
        deadline=heads.moment[order],
        linked=np.ones(total, dtype=np.bool_),
        empty=np.zeros(total, dtype=np.bool_),
    )


def _other_carts(plan: SamplePlan, day: int) -> Carts:
    """Carts created on `day` that are abandoned or stay empty; the first one never is empty."""
    random = plan.random(Stream.OTHER_CARTS, day)
    orders = plan.orders_on(day)
    count = int(np.ceil(orders * _OTHER_CARTS_AN_ORDER)) if orders else 0
    place = np.arange(count, dtype=np.int64)
    base = plan.orders_before(day) + place // 2
    person, guest = buyers(plan, random, day, base)
    midnight = plan.midnight_of(day)
    created = midnight + (random.beta(2.2, 1.8, count) * (MICROS_PER_DAY - 1)).astype(np.int64)
    return Carts(
        number=base * _CARTS_A_NUMBER + 4 + place % 2,
        person=person,
        guest=guest,
        created=created,
        deadline=np.full(count, midnight + MICROS_PER_DAY - 1),
        linked=np.zeros(count, dtype=np.bool_),
        empty=chance(random, count, 0.14) & (place > 0),
    )


@lru_cache(maxsize=2)
def cart_day(plan: SamplePlan, day: int) -> CartDay:
    """Every cart created on `day`, with its items."""
    midnight = plan.midnight_of(day)
    parts = [_other_carts(plan, day)]
    for order_day in range(day, day + _LOOK_AHEAD_DAYS + 1):
        linked = _linked_carts(plan, order_day)
        parts.append(linked.where((linked.created - midnight) // MICROS_PER_DAY == 0))
    carts = Carts(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in Carts.__dataclass_fields__
        )
    )

    random = plan.random(Stream.CART_ITEMS, day)
    count = len(carts.number)
    # The export of the day cannot know a touch of the next one.
    latest = np.minimum(carts.deadline, midnight + MICROS_PER_DAY - 1)
    room = np.maximum(latest - carts.created, 0)
    short = np.minimum(room, (random.exponential(15, count) * _MINUTE).astype(np.int64))
    busy = carts.linked & chance(random, count, 0.55)
    touched = np.where(busy, (room * random.random(count)).astype(np.int64), short)
    updated = carts.created + touched

    wanted = np.where(carts.empty, 0, 1 + np.minimum(random.poisson(3.85, count), 14))
    cart = np.repeat(np.arange(count), wanted)
    total = len(cart)
    nth = np.arange(total) - np.repeat(np.cumsum(wanted) - wanted, wanted)
    added = carts.created[cart] + (touched[cart] * random.random(total)).astype(np.int64)
    return CartDay(
        carts=carts,
        updated=updated,
        cart=cart,
        item=carts.number[cart] * _ITEMS_A_CART + nth + 1,
        product=products_of(plan).draw(random, total),
        quantity=pick(random, total, _QUANTITIES),
        added=added,
    )


def shopping_carts_frame(plan: SamplePlan, day: int) -> pl.DataFrame:
    """Bronze columns of `shopping_carts` without audit, and `_group`, the cart's number."""
    random = plan.random(Stream.CART_TEXT, day)
    made = cart_day(plan, day)
    carts = made.carts
    count = len(carts.number)
    price = products_of(plan).price[made.product]
    total = np.bincount(made.cart, weights=price * made.quantity, minlength=count)
    status = np.where(carts.linked, 0, np.where(carts.empty, 2, 1))
    status = np.where(chance(random, count, 0.05), names.CART_STATUSES.index("active"), status)
    untouched, untotalled = chance(random, count, 0.04), chance(random, count, 0.03)
    return pl.DataFrame(
        {
            "cart_id": numbered("CART-", carts.number, 9),
            "customer_id": customer_ids(carts.person, carts.guest),
            "created_at": stamped(carts.created, _FORM),
            "updated_at": stamped(made.updated, _FORM).set(pl.Series(untouched), None),
            "cart_total": money(total.astype(np.int64)).set(pl.Series(untotalled), None),
            "status": spelled(random, names.CART_STATUSES, status, plan.dirt),
            "_group": pl.Series(carts.number),
        }
    )


def cart_items_frame(plan: SamplePlan, day: int) -> pl.DataFrame:
    """Bronze columns of `cart_items` without audit, and `_group`, the number of their cart."""
    random = plan.random(Stream.CART_TEXT, day + 500_000)
    made = cart_day(plan, day)
    name, category = product_names(plan, random, made.product)
    return pl.DataFrame(
        {
            "cart_item_id": pl.Series(made.item),
            "cart_id": numbered("CART-", made.carts.number, 9).gather(made.cart),
            "product_id": pl.Series(made.product + 1),
            "product_name": name,
            "category": category,
            "added_at": stamped(made.added, _FORM),
            "quantity": pl.Series(made.quantity),
            "unit_price": money(products_of(plan).price[made.product]),
            "_group": pl.Series(made.carts.number[made.cart]),
        }
    )
