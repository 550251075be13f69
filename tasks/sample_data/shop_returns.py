"""The clean returns of one day and their items.

Belongs here: which lines of earlier orders come back, and the two bronze frames made of them. Does
not belong here: orders themselves, audit columns, anything invalid.
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
)
from tasks.sample_data.shop_orders import order_heads, order_lines, product_names
from tasks.sample_data.text import customer_ids, emails, money, numbered, spelled, stamped

MAX_RETURN_DAYS = 14
_RETURN_SHARE = 0.13
_SECOND_SHARE = 0.05
_ITEMS_A_RETURN = 16
_FORM = "%Y-%m-%d %H:%M:%S"


@dataclass(frozen=True)
class Returned:
    """Returned lines as arrays; lines of one return follow each other. Money in cents."""

    number: Ints
    nth: Ints
    order: Ints
    person: Ints
    guest: Bools
    moment: Ints
    product: Ints
    quantity: Ints
    price: Ints
    cost: Ints
    refund: Ints

    def where(self, mask: Bools) -> "Returned":
        """Only the lines where `mask`."""
        return Returned(*(getattr(self, name)[mask] for name in self.__dataclass_fields__))


@lru_cache(maxsize=MAX_RETURN_DAYS + 6)
def _returned_orders(plan: SamplePlan, order_day: int) -> Returned:
    """Everything that ever comes back of the orders of `order_day`, in one or two returns each."""
    random = plan.random(Stream.RETURNS, order_day)
    heads, lines = order_heads(plan, order_day), order_lines(plan, order_day)
    count, total = len(heads.number), len(lines.order)
    back = chance(random, count, _RETURN_SHARE)
    twice = chance(random, count, _SECOND_SHARE)
    lag = 1 + random.geometric(0.25, count).clip(1, MAX_RETURN_DAYS - 4)
    within = (random.beta(3, 3, (2, count)) * (MICROS_PER_DAY - 1)).astype(np.int64)
    midnight = plan.midnight_of(order_day)
    moments = midnight + lag * MICROS_PER_DAY + within
    moments[1] += 3 * MICROS_PER_DAY
    if order_day in plan.plant_days:
        # The kinds of dirt planted on a day need a return to be copied from, on that very day.
        back[0] = True
        moments[0, 0] = min(heads.moment[0] + 7_200_000_000, midnight + MICROS_PER_DAY - 1)

    second = twice[lines.order] & chance(random, total, 0.4) & ~lines.first
    taken = back[lines.order] & (lines.first | chance(random, total, 0.75))
    part = 1 + (random.random(total) * lines.quantity).astype(np.int64)
    quantity = np.where(chance(random, total, 0.75), lines.quantity, part)
    refund = quantity * lines.price - lines.discount * quantity // lines.quantity
    number = heads.number[lines.order] * 2 + second
    by_return = np.lexsort((np.arange(total)[taken], number[taken]))
    row = np.flatnonzero(taken)[by_return]
    starts = np.flatnonzero(np.diff(number[row], prepend=-1))
    sizes = np.diff(starts, append=len(row))
    order = lines.order[row]
    return Returned(
        number=number[row],
        nth=np.arange(len(row)) - np.repeat(starts, sizes),
        order=heads.number[order],
        person=heads.person[order],
        guest=heads.guest[order],
        moment=moments[second[row].astype(np.int64), order],
        product=lines.product[row],
        quantity=quantity[row],
        price=lines.price[row],
        cost=lines.cost[row],
        refund=refund[row],
    )


@lru_cache(maxsize=2)
def _returned_on(plan: SamplePlan, day: int) -> Returned:
    midnight = plan.midnight_of(day)
    parts = []
    for order_day in range(max(0, day - MAX_RETURN_DAYS), day + 1):
        lines = _returned_orders(plan, order_day)
        parts.append(lines.where((lines.moment - midnight) // MICROS_PER_DAY == 0))
    return Returned(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in Returned.__dataclass_fields__
        )
    )


def returns_frame(plan: SamplePlan, day: int) -> pl.DataFrame:
    """Bronze columns of `returns` without audit, and `_group`, the return's number."""
    random = plan.random(Stream.RETURN_TEXT, day)
    lines = _returned_on(plan, day)
    heads = lines.where(lines.nth == 0)
    count = len(heads.number)
    refunds = (
        np.add.reduceat(lines.refund, np.flatnonzero(lines.nth == 0)) if count else lines.refund
    )

    def text(values: tuple[str, ...], *weights: float) -> pl.Series:
        return spelled(random, values, pick(random, count, weights), plan.dirt)

    channel = text(names.ORDER_CHANNELS, 0.45, 0.25, 0.15, 0.1, 0.05)
    agent = np.where(chance(random, count, 0.2), 1 + heads.number % 12, 0)
    return pl.DataFrame(
        {
            "return_id": numbered("RTN-", heads.number, 8),
            "order_id": numbered("ORD-", heads.order, 8),
            "customer_id": customer_ids(heads.person, heads.guest),
            "email": emails(heads.person, heads.guest),
            "return_date": stamped(heads.moment, _FORM),
            "reason": text(names.RETURN_REASONS, 0.25, 0.2, 0.2, 0.25, 0.1),
            "return_type": text(names.RETURN_TYPES, 0.85, 0.1, 0.05),
            "refunded_amount": money(refunds),
            "return_channel": channel,
            "agent_id": pl.Series(list(names.AGENTS)).gather(agent),
            "refund_method": text(names.PAYMENT_METHODS, 0.6, 0.2, 0.12, 0.08),
            "_group": pl.Series(heads.number),
        }
    )


def return_items_frame(plan: SamplePlan, day: int) -> pl.DataFrame:
    """Bronze columns of `return_items` without audit, and `_group`, the number of their return."""
    random = plan.random(Stream.RETURN_TEXT, day + 500_000)
    lines = _returned_on(plan, day)
    name, category = product_names(plan, random, lines.product)
    return pl.DataFrame(
        {
            "return_item_id": pl.Series(lines.number * _ITEMS_A_RETURN + lines.nth + 1),
            "return_id": numbered("RTN-", lines.number, 8),
            "order_id": numbered("ORD-", lines.order, 8),
            "product_id": pl.Series(lines.product + 1),
            "product_name": name,
            "category": category,
            "quantity_returned": pl.Series(lines.quantity),
            "unit_price": money(lines.price),
            "cost_price": money(lines.cost),
            "refunded_amount": money(lines.refund),
            "_group": pl.Series(lines.number),
        }
    )
