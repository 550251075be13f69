"""What the plans of all made-up shops have: days that follow a first one, a seed, and some dirt.

Belongs here: which of these make sense, and dates. Does not belong here: sizes of one kind of shop
(`plan.py`, `clickstream_plan.py`), or rows.
"""

import datetime as dt


class DatedPlan:
    """The base of a plan, a dataclass with these fields; `dirt` is a share between 0 and 1."""

    days: int
    seed: int
    dirt: float
    first_day: dt.date

    def check(self, sized_by: str) -> None:
        """Raise ValueError where nothing can be made up; `sized_by` names the field of the size."""
        size = getattr(self, sized_by)
        if size < 1 or self.days < 1:
            raise ValueError(f"{sized_by} and days must be at least 1, got {size}, {self.days}")
        if self.seed < 0:
            raise ValueError(f"seed must not be negative, got {self.seed}")
        if not 0 <= self.dirt <= 1:
            raise ValueError(f"dirt must be between 0 and 1, got {self.dirt}")

    @property
    def last_day(self) -> dt.date:
        """The last planned day: the natural run date of the sample."""
        return self.date_of(self.days - 1)

    def date_of(self, day: int) -> dt.date:
        """The date of day `day` (0 is the first day; negative before it)."""
        return self.first_day + dt.timedelta(days=day)
