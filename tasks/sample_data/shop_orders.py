"""The clean orders of one day and their lines.

Belongs here: who orders what and when, and the two bronze frames made of it. Does not belong here:
carts, returns, audit columns, or anything invalid.
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
from tasks.sample_data.text import (
    addresses,
    customer_ids,
    emails,
    money,
    numbered,
    spelled,
    stamped,
)

GUEST_SHARE = 0.2
_REPEAT_GUEST_SHARE = 0.15
_LOYAL_SHARE = 0.25
_QUANTITIES = (0.0, 0.34, 0.31, 0.2, 0.07, 0.05, 0.03)
_SHIPPING_CENTS = np.array([499, 1_499, 2_999])


@dataclass(frozen=True)
class OrderHeads:
    """A day's orders, in time order: number, moment (µs), and who (a customer or guest number)."""

    number: Ints
    moment: Ints
    person: Ints
    guest: Bools


@dataclass(frozen=True)
class OrderLines:
    """A day's order lines, by order: place of the order in its heads, product place, cents."""

    order: Ints
    product: Ints
    quantity: Ints
    price: Ints
    cost: Ints
    discount: Ints
    first: Bools


def buyers(
    plan: SamplePlan, random: np.random.Generator, day: int, fresh_guests: Ints
) -> tuple[Ints, Bools]:
    """A person for each of `fresh_guests`: a customer of an earlier day, or a guest.

    A quarter of the customers' picks favour the longest-known ones, so that some have many orders.
    A guest is mostly that fresh number, now and then one from shortly before.
    """
    count = len(fresh_guests)
    guest = chance(random, count, GUEST_SHARE)
    place = random.random(count)
    loyal = chance(random, count, _LOYAL_SHARE)
    known = plan.customers_before(day)
    customer = (np.where(loyal, place**2, place) * known).astype(np.int64)
    back = random.integers(1, 50, count) * chance(random, count, _REPEAT_GUEST_SHARE)
    return np.where(guest, np.maximum(fresh_guests - back, 0), customer), guest


@lru_cache(maxsize=6)
def order_heads(plan: SamplePlan, day: int) -> OrderHeads:
    """Who orders when on `day`; busier towards the evening."""
    random = plan.random(Stream.ORDERS, day)
    count = plan.orders_on(day)
    number = plan.orders_before(day) + np.arange(count, dtype=np.int64)
    within = np.sort(random.beta(2.6, 1.9, count)) * (MICROS_PER_DAY - 1)
    person, guest = buyers(plan, random, day, number)
    return OrderHeads(number, plan.midnight_of(day) + within.astype(np.int64), person, guest)


@lru_cache(maxsize=4)
def order_lines(plan: SamplePlan, day: int) -> OrderLines:
    """The lines of the day's orders: about five an order, each product once an order."""
    random = plan.random(Stream.LINES, day)
    catalog = products_of(plan)
    heads = order_heads(plan, day)
    wanted = 1 + np.minimum(random.poisson(4.25, len(heads.number)), 14)
    order = np.repeat(np.arange(len(heads.number)), wanted)
    key = np.unique(order * plan.products + catalog.draw(random, len(order)))
    order, product = key // plan.products, key % plan.products
    quantity = pick(random, len(key), _QUANTITIES)
    price = catalog.price[product]
    rate = random.uniform(0.05, 0.2, len(key)) * chance(random, len(key), 0.3)
    return OrderLines(
        order=order,
        product=product,
        quantity=quantity,
        price=price,
        cost=catalog.cost[product],
        discount=(quantity * price * rate).astype(np.int64),
        first=np.diff(order, prepend=-1) > 0,
    )


def product_names(
    plan: SamplePlan, random: np.random.Generator, product: Ints
) -> tuple[pl.Series, pl.Series]:
    """The name and category of each product as an exporter spells them."""
    catalog = products_of(plan)
    every_name = [name for group in names.PRODUCT_NAMES.values() for name in group]
    name = spelled(random, every_name, catalog.name[product], plan.dirt / 4, keep_case=True)
    categories = list(names.PRODUCT_NAMES)
    return name, spelled(random, categories, catalog.category[product], plan.dirt / 4)


def orders_frame(plan: SamplePlan, day: int) -> pl.DataFrame:
    """Bronze columns of `orders` without the audit columns, and `_group`, the order's number."""
    random = plan.random(Stream.ORDER_TEXT, day)
    heads, lines = order_heads(plan, day), order_lines(plan, day)
    count = len(heads.number)

    def per_order(values: Ints) -> Ints:
        return np.bincount(lines.order, weights=values, minlength=count).astype(np.int64)

    def text(values: tuple[str, ...], codes: Ints) -> pl.Series:
        return spelled(random, values, codes, plan.dirt)

    gross, discount = per_order(lines.quantity * lines.price), per_order(lines.discount)
    speed = pick(random, count, (0.64, 0.2, 0.16))
    channel = pick(random, count, (0.42, 0.24, 0.12, 0.13, 0.09))
    charged = _SHIPPING_CENTS[speed] * chance(random, count, 0.96)
    actual = (_SHIPPING_CENTS[speed] * random.uniform(0.6, 1.25, count)).astype(np.int64)
    agent = np.where(channel == names.ORDER_CHANNELS.index("Phone"), 1 + heads.number % 12, 0)
    shipping_missing = chance(random, count, 0.03)
    billing_missing = chance(random, count, 0.03)
    where = heads.person * 2 + heads.guest
    columns: dict[str, pl.Series] = {
        "order_id": numbered("ORD-", heads.number, 8),
        "total_items": pl.Series(per_order(lines.quantity)),
        "order_date": stamped(heads.moment, "%Y-%m-%d %H:%M:%S%.6f"),
        "customer_id": customer_ids(heads.person, heads.guest),
        "email": emails(heads.person, heads.guest),
        "order_channel": text(names.ORDER_CHANNELS, channel),
        "is_expedited": pl.Series((speed > 0) ^ chance(random, count, 0.02)),
        "customer_tier": text(names.TIERS, pick(random, count, (0.45, 0.27, 0.18, 0.1))),
        "gross_total": money(gross),
        "net_total": money(gross - discount),
        "total_discount_amount": money(discount),
        "payment_method": text(names.PAYMENT_METHODS, pick(random, count, (0.6, 0.2, 0.12, 0.08))),
        "shipping_speed": text(names.SHIPPING_SPEEDS, speed),
        "shipping_cost": money(charged),
        "agent_id": pl.Series(list(names.AGENTS)).gather(agent),
        "actual_shipping_cost": money(actual),
        "payment_processing_fee": money((gross - discount) * 29 // 1000 + 30),
        "shipping_address": addresses(plan, where, shipping_missing),
        "billing_address": addresses(plan, where, billing_missing),
        "clv_bucket": text(names.CLV_BUCKETS, pick(random, count, (0.4, 0.35, 0.25))),
        "is_reactivated": pl.Series(chance(random, count, 0.03)),
        "_group": pl.Series(heads.number),
    }
    return pl.DataFrame(columns)


def order_items_frame(plan: SamplePlan, day: int) -> pl.DataFrame:
    """Bronze columns of `order_items` without audit, and `_group`, the number of their order."""
    random = plan.random(Stream.ORDER_TEXT, day + 500_000)
    heads, lines = order_heads(plan, day), order_lines(plan, day)
    name, category = product_names(plan, random, lines.product)
    return pl.DataFrame(
        {
            "order_id": numbered("ORD-", heads.number, 8).gather(lines.order),
            "product_id": pl.Series(lines.product + 1),
            "product_name": name,
            "category": category,
            "quantity": pl.Series(lines.quantity),
            "unit_price": money(lines.price),
            "discount_amount": money(lines.discount),
            "cost_price": money(lines.cost),
            "_group": pl.Series(heads.number[lines.order]),
        }
    )
