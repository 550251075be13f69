"""A backfill: which days of a range are still to be published, and in which order they proceed.

Belongs here: the pure decision by what releases say, and the turns that days take. Does not belong
here: running a day (`flows/backfill.py`).

Days are computed side by side, but one after the other, in their order, they take snapshots of
dimensions and publish: so each sees what it would have seen if the days had been run one by one.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

from tasks.bronze_inventory import BronzeTable, is_visible
from tasks.contracts.errors import ConfigurationError, MedallionError
from tasks.contracts.release import Release
from tasks.contracts.spec import Spec
from tasks.releases import Current

IN_TURN = ("dimensions", "publish", "warehouse")
MOST_DAYS = 3700


class BackfillError(MedallionError):
    """A day failed: those before it are published, those after it are not."""


def days_of(start: date, end: date) -> list[date]:
    """Return the days from `start` to `end`, both included; raises ConfigurationError."""
    length = (end - start).days + 1
    if length < 1:
        raise ConfigurationError(f"--start {start} is after --end {end}")
    if length > MOST_DAYS:
        raise ConfigurationError(f"{length} days are more than {MOST_DAYS}: mistyped a year?")
    return [start + timedelta(days=number) for number in range(length)]


def standing_releases(releases: Sequence[Release]) -> list[Release]:
    """Return the releases of `releases`, oldest first, that no rollback has withdrawn."""
    by_number = {release.release: release for release in releases}
    standing: list[Release] = []
    release = releases[-1] if releases else None
    while release is not None:
        if release.kind == "rollback":
            release = by_number.get(release.repeats or 0)
            continue
        standing.append(release)
        release = by_number.get(release.previous or 0)
    return standing[::-1]


def published_days(
    days: Sequence[date],
    releases: Sequence[Release],
    spec: Spec,
    inventory: Mapping[str, BronzeTable],
    *,
    prefix: str,
    spec_fingerprint: str,
    logic_fingerprint: str,
) -> dict[date, int]:
    """Return {day: release} of the first `days` whose releases a new run would only repeat.

    That is one of the same rules, made of exactly the bronze that the day sees now, and followed by
    later days only: where a day is missing or out of order, those after it have to follow anew, or
    readers would be left with an older day. `inventory` is that of the last day, and `prefix` is
    where its tables lie.
    """
    latest: dict[date, Release] = {}
    earliest = date.max
    for release in reversed(standing_releases(releases)):
        if release.run_date < earliest:
            latest[release.run_date] = release
            earliest = release.run_date
    found: dict[date, int] = {}
    for day in days:
        stood = latest.get(day)
        if stood is None or stood.as_of != day:
            break
        rules = (stood.spec_fingerprint, stood.logic_fingerprint)
        seen = {name: frozenset(identities) for name, identities in stood.bronze.items()}
        if rules != (spec_fingerprint, logic_fingerprint):
            break
        if seen != _visible(spec, inventory, prefix, day):
            break
        found[day] = stood.release
    return found


def _visible(
    spec: Spec, inventory: Mapping[str, BronzeTable], prefix: str, day: date
) -> dict[str, frozenset[str]]:
    visible = {}
    for table in spec.tables:
        folder = f"{prefix}{table.bronze_name}/"
        visible[table.name] = frozenset(
            identity
            for identity in inventory[table.name].identities
            if is_visible(table, identity.removeprefix(folder).partition("/")[0], day)
        )
    return visible


class Turns:
    """Days that proceed side by side and enter some stages one after the other, in their order.

    `seen` is the pointer as the last of them left it: what the next publish must find.
    """

    def __init__(self, days: Sequence[date], seen: Current) -> None:
        self.seen = seen
        self._days = list(days)
        self._left: dict[str, set[date]] = {stage: set() for stage in IN_TURN}
        self._failed: date | None = None
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def turn(self, stage: str, day: date) -> Iterator[None]:
        """Wait until all days before `day` have left `stage`; raises BackfillError if one failed.

        Stages that need no order are entered at once.
        """
        if stage not in IN_TURN:
            yield
            return
        before = [other for other in self._days if other < day]
        with self._changed:
            self._changed.wait_for(
                lambda: self._fails_before(day) or self._left[stage].issuperset(before)
            )
            if self._fails_before(day):
                raise BackfillError(f"{day} is not published, because {self._failed} failed")
        yield
        self._leave(day, stage)

    def done(self, day: date) -> None:
        """Tell that `day` needs no further turns."""
        for stage in IN_TURN:
            self._leave(day, stage)

    def failed(self, day: date) -> None:
        """Tell that `day` failed: no later one may publish."""
        with self._changed:
            self._failed = day if self._failed is None else min(day, self._failed)
            self._changed.notify_all()

    @property
    def is_over(self) -> bool:
        """Whether a day failed, so that it is no use to begin another."""
        return self._failed is not None

    def _fails_before(self, day: date) -> bool:
        return self._failed is not None and self._failed < day

    def _leave(self, day: date, stage: str) -> None:
        with self._changed:
            self._left[stage].add(day)
            self._changed.notify_all()
