"""The events of one day of the made-up shop, as arrays: who does what with which product, and when.

Belongs here: sessions, their users and the funnel within them. Does not belong here: the text of
an event (`clickstream_lines.py`), and dirt (`clickstream_kinds.py`).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.sample_data.clickstream_catalog import scattered, zipf_like
from tasks.sample_data.clickstream_plan import (
    EVENTS_PER_SESSION,
    SECONDS_PER_DAY,
    ClickstreamPlan,
    Stream,
)
from tasks.sample_data.plan import Bools, Floats, Ints

Bytes = NDArray[np.uint8]

EVENT_TYPES = ("view", "cart", "remove_from_cart", "purchase")
_VIEW, _CART, _REMOVE, _PURCHASE = range(4)

_HOURLY = (
    0.35, 0.25, 0.22, 0.28, 0.42, 0.62, 0.82, 0.98, 1.10, 1.18, 1.22, 1.22,
    1.20, 1.20, 1.24, 1.30, 1.40, 1.50, 1.52, 1.48, 1.32, 1.05, 0.75, 0.50,
)  # fmt: skip
_LOG_SIZE, _LOG_SPREAD, _MAX_SIZE = 0.6, 1.0, 300
_MEAN_GAP_SECONDS = 45.0
_SPARE_SESSIONS = 1.2
# Shares of the events after a session's first; the first one is a view.
_TO_CART = 0.0575
_TO_PURCHASE = 0.0075  # without a cart event
_REMOVED = 0.10  # of the cart events that something follows
_BOUGHT = 0.38
_SAME_PRODUCT = 0.25
_PRODUCT_SKEW = 0.85
_USER_SKEW = 0.5
_FIRST_USER_ID, _USER_PRIME = 510_000_000, 99_999_989


@dataclass(frozen=True)
class DayEvents:
    """Events in the order of time, and the sessions that they belong to (`session` is a place).

    `product` is a place in the catalog, `kind` one in `EVENT_TYPES`.
    """

    second: Ints
    kind: Ints
    product: Ints
    session: Ints
    user_id: Ints
    session_bytes: Bytes

    def __len__(self) -> int:
        return len(self.second)


def day_events(plan: ClickstreamPlan, day: int) -> DayEvents:
    """The clean events of one day. Of one session, no two have the same second."""
    random = plan.random(Stream.SESSIONS, day)
    count = plan.events_on(day)
    sizes = _sizes(random, count)
    sessions = len(sizes)
    users = zipf_like(random, sessions, plan.users, _USER_SKEW)
    identity = random.integers(0, 256, (sessions, 16), dtype=np.uint8)
    session = np.repeat(np.arange(sessions), sizes)
    first = np.zeros(count, dtype=np.bool_)
    first[np.cumsum(sizes)[:-1]] = True
    first[:1] = True

    gaps = 1 + random.exponential(_MEAN_GAP_SECONDS, count).astype(np.int64)
    gaps[first] = 0
    elapsed = np.cumsum(gaps)
    elapsed -= np.repeat(elapsed[first], sizes)
    lasting = elapsed[np.cumsum(sizes) - 1] if sessions else sizes
    starts = (_start_shares(random, sessions) * (SECONDS_PER_DAY - 1 - lasting)).astype(np.int64)

    crossing = min(plan.sessions_over_midnight, sessions // 4)
    if crossing:
        came, going = slice(0, crossing), slice(sessions - crossing, sessions)
        starts[came] = random.integers(0, 60, crossing)
        starts[going] = SECONDS_PER_DAY - 1 - lasting[going] - random.integers(0, 60, crossing)
        for place, boundary in ((came, day), (going, day + 1)):
            users[place], identity[place] = _over_midnight(plan, boundary, crossing)

    second = (np.repeat(starts, sizes) + elapsed).clip(0, SECONDS_PER_DAY - 1)
    kind, product = _funnel(plan, plan.random(Stream.FUNNEL, day), first)
    order = np.argsort(second.astype(np.int32), kind="stable")
    return DayEvents(
        second=second[order],
        kind=kind[order],
        product=product[order],
        session=session[order],
        user_id=scattered(users, _FIRST_USER_ID, _USER_PRIME),
        session_bytes=identity,
    )


def _sizes(random: np.random.Generator, count: int) -> Ints:
    """Events of each session, `count` in all."""
    drawn = int(count / EVENTS_PER_SESSION * _SPARE_SESSIONS) + 20
    sizes = np.ceil(np.exp(random.normal(_LOG_SIZE, _LOG_SPREAD, drawn))).astype(np.int64)
    ends = np.cumsum(sizes.clip(1, _MAX_SIZE))
    ends = np.append(ends[ends < count], count)
    together: Ints = np.diff(ends, prepend=0)
    return together[together > 0]


def _start_shares(random: np.random.Generator, count: int) -> Floats:
    """Shares of the day at which sessions begin, with the rhythm of the hours."""
    passed = np.concatenate([[0.0], np.cumsum(_HOURLY)])
    at: Floats = np.interp(
        random.random(count) * passed[-1], passed, np.linspace(0, 1, len(passed))
    )
    return at


def _over_midnight(plan: ClickstreamPlan, boundary: int, count: int) -> tuple[Ints, Bytes]:
    """Who is in the shop at the midnight before day `boundary`: both days ask, and agree."""
    random = plan.random(Stream.MIDNIGHT, boundary)
    identity = random.integers(0, 256, (plan.sessions_over_midnight, 16), dtype=np.uint8)
    users = zipf_like(random, plan.sessions_over_midnight, plan.users, _USER_SKEW)
    return users[:count], identity[:count]


def _funnel(plan: ClickstreamPlan, random: np.random.Generator, first: Bools) -> tuple[Ints, Ints]:
    """What each event does, and with which product: that of the last view, if it is no view."""
    count = len(first)
    kind = np.full(count, _VIEW)
    fate = random.random(count)
    kind[~first & (fate < _TO_PURCHASE + _TO_CART)] = _CART
    kind[~first & (fate < _TO_PURCHASE)] = _PURCHASE
    followed = np.flatnonzero((kind[:-1] == _CART) & ~first[1:])
    next_fate = random.random(len(followed))
    kind[followed[next_fate < _REMOVED + _BOUGHT] + 1] = _PURCHASE
    kind[followed[next_fate < _REMOVED] + 1] = _REMOVE

    product = zipf_like(random, count, plan.products, _PRODUCT_SKEW)
    again = ~first & ((kind != _VIEW) | (random.random(count) < _SAME_PRODUCT))
    # The place of the last event that chose a product; a session's first always chooses.
    chosen = np.maximum.accumulate(np.where(again, 0, np.arange(count)))
    return kind, product[chosen]
