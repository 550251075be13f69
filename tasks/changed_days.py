"""Which days of a table have to be computed anew, and which days of its inputs that takes.

Belongs here: pure decisions from a specification and from what changed. Does not belong here:
reading rows (`input_rows.py`), or computing a table (`enrichment.py`, `gold.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from tasks.contracts.changes import TableChange
from tasks.contracts.incremental import Incremental, span_days

Days = frozenset[date]
NOTHING = TableChange(whole=False, dates=frozenset())
WHOLE = TableChange(whole=True, dates=frozenset())

LinkedDays = Callable[[str, Days, str, str], Days]
"""(input, its days, other input, column) -> the other's days with a row of equal column."""


@dataclass(frozen=True)
class Period:
    """From the run date of the release before to that of the run."""

    before: date
    now: date


def days_to_compute(
    entry: Incremental | None,
    parameters: Mapping[str, Any],
    changes: Mapping[str, TableChange],
    period: Period,
    linked: LinkedDays,
) -> TableChange:
    """Return what of a table may differ, from the `changes` of each of its inputs.

    `linked` may be asked for rows of the release before and of this run alike.
    """
    if changes_nothing(changes.values(), period):
        return NOTHING
    if entry is None or period.now < period.before:
        return WHOLE
    days: set[date] = set()
    if period.now > period.before:
        settled = period.before - timedelta(days=span_days(entry.settles_after, parameters))
        days |= days_between(settled + timedelta(days=1), period.now)
    for name, change in changes.items():
        reach = entry.reads.get(name)
        if reach is not None and reach.on_run_date:
            if change != NOTHING or period.now > period.before:
                days |= days_between(period.before, period.now)
            continue
        if change.whole or (change.dates and reach is None):
            return WHOLE
        if reach is None or not change.dates:
            continue
        days |= _reached(entry, parameters, name, change.dates)
        if reach.of is not None and reach.by is not None:
            referred = linked(name, change.dates, reach.of, reach.by)
            days |= _reached(entry, parameters, reach.of, referred)
    if entry.history and days:
        days |= days_between(min(days), period.now)
    return TableChange(whole=False, dates=frozenset(days))


def changes_nothing(changes: Iterable[TableChange], period: Period) -> bool:
    """Tell whether a table stays as it is: same inputs, same day."""
    same = not any(change.whole or change.dates for change in changes)
    return same and period.now == period.before


def days_to_read(
    entry: Incremental, parameters: Mapping[str, Any], days: Days, linked: LinkedDays
) -> dict[str, Days]:
    """Return by input the days on which `days` of a table depend, for inputs that have days."""
    dated = {name: reach for name, reach in entry.reads.items() if not reach.on_run_date}
    read = {}
    for name, reach in dated.items():
        before = span_days(reach.before, parameters)
        after = span_days(reach.after, parameters)
        read[name] = widened(days, before, after)
    for name, reach in dated.items():
        if reach.of is not None and reach.by is not None:
            read[name] |= linked(reach.of, read[reach.of], name, reach.by)
    return read


def days_of_history(entry: Incremental, parameters: Mapping[str, Any], days: Days) -> Days:
    """Return the days before `days` whose own rows a gap-filled series continues."""
    longest = max((span_days(span, parameters) for span in entry.history), default=0)
    first = min(days)
    return days_between(first - timedelta(days=longest), first - timedelta(days=1))


def widened(days: Iterable[date], before: int, after: int) -> Days:
    """Return `days` with so many days before and after each."""
    return frozenset(
        day + timedelta(days=shift) for day in days for shift in range(-before, after + 1)
    )


def days_between(first: date, last: date) -> Days:
    """Return the days from `first` to `last`, both included; none if `last` comes before."""
    length = (last - first).days + 1
    return frozenset(first + timedelta(days=number) for number in range(length))


def _reached(entry: Incremental, parameters: Mapping[str, Any], name: str, dates: Days) -> Days:
    """Days of the table that depend on days `dates` of an input: its reach, seen from there."""
    reach = entry.reads[name]
    return widened(dates, span_days(reach.after, parameters), span_days(reach.before, parameters))
