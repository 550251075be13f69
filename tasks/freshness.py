"""How old bronze and the current release are, against what the specification asks for.

Belongs here: the judgement, and finding the newest landed batch. Does not belong here: telling it
(`cli/overview.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from blocks.lake import Lake
from tasks.contracts.manifest import BATCH_FOLDER
from tasks.contracts.spec import FreshnessLimits, Spec


@dataclass(frozen=True)
class Freshness:
    """When something came last, and what of it is too old; `missed` is empty if nothing is.

    Without limits, or before anything came, nothing is judged.
    """

    landed_at: datetime | None
    published_at: datetime | None
    limits: FreshnessLimits
    missed: tuple[str, ...] = ()

    @property
    def fresh(self) -> bool | None:
        """Whether nothing is too old; None where nothing was judged."""
        if self.missed:
            return False
        limits = (self.limits.landed_hours, self.limits.published_hours)
        moments = (self.landed_at, self.published_at)
        judged = any(
            limit is not None and moment is not None
            for limit, moment in zip(limits, moments, strict=True)
        )
        return True if judged else None


def judge_freshness(
    limits: FreshnessLimits,
    *,
    landed_at: datetime | None,
    published_at: datetime | None,
    now: datetime,
) -> Freshness:
    """Compare the newest landed batch and the current release with `limits` at `now`."""
    missed = []
    for what, moment, hours in (
        ("the newest batch landed", landed_at, limits.landed_hours),
        ("the current release came", published_at, limits.published_hours),
    ):
        if moment is not None and hours is not None and now - moment > timedelta(hours=hours):
            age = (now - moment).total_seconds() / 3600
            missed.append(f"{what} {age:,.0f} hours ago, at most {hours} are asked for")
    return Freshness(landed_at, published_at, limits, tuple(missed))


def newest_batch(lake: Lake, spec: Spec) -> datetime | None:
    """Return when the last batch of any table was committed, if any was landed here."""
    prefix = lake.bronze_prefix(spec.pipeline)
    moments = [
        entry.modified_at
        for table in spec.tables
        for entry in lake.bronze.entries(f"{prefix}{table.bronze_name}/{BATCH_FOLDER}/")
        if entry.key.endswith(".json")
    ]
    return max(moments, default=None)
