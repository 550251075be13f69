"""How large a made-up shop is, how many orders each of its days has, and its streams of chance.

Belongs here: sizes, dates, and the seeding rule. Does not belong here: rows.

Everything about day *i* follows from the plan and *i* alone, so a day is the same however many
others are generated beside it, and days past `SamplePlan.days` extend a sample without changing it.
"""

import datetime as dt
import math
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from tasks.sample_data.dated_plan import DatedPlan
from tasks.sample_data.names import PRODUCT_NAMES

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

DEFAULT_FIRST_DAY = dt.date(2024, 1, 1)
SIGNUP_HISTORY_DAYS = 365
MICROS_PER_DAY = 86_400_000_000
_PLANT_DAYS = 7
_DAY_OFFSET = 1_000  # seeds must not be negative, and sign-ups begin a year before day 0
_WEEKLY = (1.0, 0.95, 0.95, 1.0, 1.15, 1.3, 1.2)  # Monday first
_DAILY_GROWTH = 0.004
# A promotion early on, then, once two weeks of history exist, a slump before the spike: after
# the spike the spread of the last 30 days would be too wide for a slump to stand out.
_UNUSUAL_DAYS = {5: 1.5, 16: 0.35, 22: 2.3}
_UNUSUAL_CYCLE = 45


class Stream(IntEnum):
    """One independent stream of random numbers for each purpose and day."""

    VOLUME = 1
    PRODUCTS = 2
    CUSTOMERS = 3
    ORDERS = 4
    LINES = 5
    LINKED_CARTS = 6
    OTHER_CARTS = 7
    CART_ITEMS = 8
    RETURNS = 9
    ADDRESSES = 10
    ORDER_TEXT = 11
    CART_TEXT = 12
    RETURN_TEXT = 13
    DIRT = 100


@dataclass(frozen=True)
class SamplePlan(DatedPlan):
    """What `orders` over `days` days of shop look like; every size follows from it.

    `dirt` is a share between 0 and 1. Raises ValueError for sizes that make no shop.
    """

    orders: int
    days: int
    seed: int = 0
    dirt: float = 0.02
    first_day: dt.date = DEFAULT_FIRST_DAY

    def __post_init__(self) -> None:
        self.check("orders")

    @cached_property
    def orders_per_day(self) -> float:
        """Orders on a day of weight 1; the planned days together have exactly `orders`."""
        return self.orders / float(self._weight_before(self.days))

    @cached_property
    def products(self) -> int:
        """Products in the catalog: 500 at 5,000 orders, about 2,000 at a million."""
        return min(max(round(500 * math.pow(self.orders / 5_000, 0.2616)), 100), 5_000)

    @cached_property
    def initial_customers(self) -> int:
        """Customers who signed up in the year before the first day."""
        crowding = math.pow(20_000 / max(self.orders, 20_000), 0.15)
        return max(60, round(0.6 * self.orders * crowding))

    @cached_property
    def plant_days(self) -> tuple[int, ...]:
        """A few days that have orders, spread out: each kind of dirt is planted on one of them."""
        # Not on the last day, so that what is delivered again on the next one still is seen.
        busy = [day for day in range(max(1, self.days - 1)) if self.orders_on(day) > 0]
        count = min(_PLANT_DAYS, len(busy))
        return tuple(busy[place * len(busy) // count] for place in range(count))

    def midnight_of(self, day: int) -> int:
        """The UTC midnight that begins day `day`, in microseconds since 1970."""
        return (self.date_of(day) - dt.date(1970, 1, 1)).days * MICROS_PER_DAY

    def orders_before(self, day: int) -> int:
        """Orders of all days before `day`: also the number of that day's first order."""
        return int(self.orders_per_day * self._weight_before(max(day, 0)) + 0.5)

    def orders_on(self, day: int) -> int:
        """Orders of day `day`; none before day 0."""
        return self.orders_before(day + 1) - self.orders_before(day)

    def customers_before(self, day: int) -> int:
        """Customers who signed up before day `day`: also the number of that day's first one."""
        if day <= 0:
            elapsed = max(day + SIGNUP_HISTORY_DAYS, 0)
            return self.initial_customers * elapsed // SIGNUP_HISTORY_DAYS
        return self.initial_customers + self.orders_before(day) // 5

    def random(self, stream: int, day: int = 0) -> np.random.Generator:
        """The random numbers of one purpose on one day, the same on every call."""
        entropy = np.random.SeedSequence([self.seed, stream, day + _DAY_OFFSET])
        return np.random.Generator(np.random.PCG64(entropy))

    def _weight_before(self, day: int) -> float:
        # Whole blocks of days, so that growing samples share one cached curve.
        blocks = day // 512 + 1
        return float(_cumulative_weights(self.seed, self.first_day, blocks * 512)[day])


@lru_cache(maxsize=8)
def _cumulative_weights(seed: int, first_day: dt.date, days: int) -> Floats:
    entropy = np.random.SeedSequence([seed, Stream.VOLUME])
    noise = np.random.Generator(np.random.PCG64(entropy)).normal(0.0, 0.04, days)
    day = np.arange(days)
    weekly = np.array(_WEEKLY)[(first_day.weekday() + day) % 7]
    unusual = np.ones(days)
    for position, factor in _UNUSUAL_DAYS.items():
        unusual[position::_UNUSUAL_CYCLE] = factor
    weights = weekly * (1 + _DAILY_GROWTH * day) * unusual * np.exp(noise)
    return np.concatenate([[0.0], np.cumsum(weights)])


def pick(random: np.random.Generator, count: int, weights: tuple[float, ...]) -> Ints:
    """`count` codes 0 … len(weights) - 1, each as often as its weight says."""
    bounds = np.cumsum(weights)
    places: Ints = np.searchsorted(bounds, random.random(count) * bounds[-1], side="right")
    return places


def chance(random: np.random.Generator, count: int, share: float) -> Bools:
    """`count` coins that fall true with probability `share`."""
    return random.random(count) < share


@dataclass(frozen=True)
class Products:
    """The catalog as arrays, one place a product; `product_id` is the place + 1. Money in cents."""

    price: Ints
    cost: Ints
    category: Ints
    name: Ints
    inventory: Ints
    by_popularity: Ints
    popularity: Floats

    def draw(self, random: np.random.Generator, count: int) -> Ints:
        """`count` products, the popular ones more often (a Zipf-like curve)."""
        rank = np.searchsorted(self.popularity, random.random(count), side="right")
        return self.by_popularity[np.minimum(rank, len(self.popularity) - 1)]


@lru_cache(maxsize=4)
def products_of(plan: SamplePlan) -> Products:
    """The catalog of a plan. The least popular 3 % of products are never sold."""
    random = plan.random(Stream.PRODUCTS)
    count = plan.products
    price = (
        np.round(np.exp(random.normal(3.3, 0.8, count)) * 100).astype(np.int64).clip(250, 60_000)
    )
    cost = (price * random.uniform(0.35, 0.72, count)).astype(np.int64)
    category = random.integers(0, len(PRODUCT_NAMES), count)
    names_each = len(next(iter(PRODUCT_NAMES.values())))
    name = category * names_each + random.integers(0, names_each, count)
    stock = random.integers(40, 600, count) * pick(random, count, (0.02, 0.9, 0.05, 0.03))
    sold = max(1, int(count * 0.97))
    weights = 1.0 / (np.arange(sold) + 12.0) ** 0.85
    return Products(
        price=price,
        cost=cost,
        category=category,
        name=name,
        inventory=stock.astype(np.int64),
        by_popularity=random.permutation(count).astype(np.int64),
        popularity=np.cumsum(weights) / weights.sum(),
    )
