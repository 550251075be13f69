"""How large a made-up shop's traffic is, how many events each day has, and its streams of chance.

Belongs here: sizes, dates, and the seeding rule. Does not belong here: events and their text.

Everything about day *i* follows from the plan and *i* alone, so a day is the same however many
others are generated beside it, and days past `ClickstreamPlan.days` extend a sample.
"""

import datetime as dt
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property, lru_cache

import numpy as np

from tasks.sample_data.dated_plan import DatedPlan
from tasks.sample_data.plan import DEFAULT_FIRST_DAY, Floats

SECONDS_PER_DAY = 86_400
EVENTS_PER_SESSION = 3.5
_EVENTS_PER_PRODUCT = 100
_MIN_PRODUCTS, _MAX_PRODUCTS = 20, 200_000
_EVENTS_PER_USER = 12.3  # of those who might come; one in twenty of them never does
_MIN_USERS = 5
_OVER_MIDNIGHT = 0.002  # of the sessions
_WEEKLY = (0.97, 0.98, 1.0, 1.0, 1.02, 1.05, 1.03)  # Monday first
_BLOCK_DAYS = 512


class Stream(IntEnum):
    """One independent stream of random numbers for each purpose and day."""

    VOLUME = 1
    CATALOG = 2
    SESSIONS = 3
    FUNNEL = 4
    MIDNIGHT = 5
    DIRT = 6
    CYCLE = 7


@dataclass(frozen=True)
class ClickstreamPlan(DatedPlan):
    """What `events` over `days` days of traffic look like; every size follows from it.

    `dirt` is a share between 0 and 1. Raises ValueError for sizes that make no traffic.
    """

    events: int
    days: int
    seed: int = 0
    dirt: float = 0.01
    first_day: dt.date = DEFAULT_FIRST_DAY

    def __post_init__(self) -> None:
        self.check("events")

    @property
    def products(self) -> int:
        """Products that can be looked at."""
        return min(max(self.events // _EVENTS_PER_PRODUCT, _MIN_PRODUCTS), _MAX_PRODUCTS)

    @property
    def users(self) -> int:
        """Users who may come."""
        return max(round(self.events / _EVENTS_PER_USER), _MIN_USERS)

    @property
    def sessions_over_midnight(self) -> int:
        """Sessions that go on from one day to the next."""
        return max(1, round(self.events / self.days / EVENTS_PER_SESSION * _OVER_MIDNIGHT))

    @cached_property
    def events_per_day(self) -> float:
        """Events on a day of weight 1; the planned days together have exactly `events`."""
        return self.events / self._weight_before(self.days)

    def events_before(self, day: int) -> int:
        """Events of all days before `day`."""
        return int(self.events_per_day * self._weight_before(day) + 0.5)

    def events_on(self, day: int) -> int:
        """Events of day `day`."""
        return self.events_before(day + 1) - self.events_before(day)

    def dirty_before(self, day: int) -> int:
        """Pieces of dirt on all days before `day`: also the number of that day's first one."""
        return int(self.dirt * self.events_before(day))

    def random(self, stream: Stream, day: int = 0) -> np.random.Generator:
        """The random numbers of one purpose on one day, the same on every call."""
        entropy = np.random.SeedSequence([self.seed, stream, day])
        return np.random.Generator(np.random.PCG64(entropy))

    def _weight_before(self, day: int) -> float:
        # Whole blocks of days, so that growing samples share one cached curve.
        blocks = day // _BLOCK_DAYS + 1
        return float(_cumulative_weights(self.seed, self.first_day, blocks * _BLOCK_DAYS)[day])


@lru_cache(maxsize=8)
def _cumulative_weights(seed: int, first_day: dt.date, days: int) -> Floats:
    entropy = np.random.SeedSequence([seed, Stream.VOLUME])
    noise = np.random.Generator(np.random.PCG64(entropy)).normal(0.0, 0.02, days)
    weekly = np.array(_WEEKLY)[(first_day.weekday() + np.arange(days)) % 7]
    return np.concatenate([[0.0], np.cumsum(weekly * np.exp(noise))])
