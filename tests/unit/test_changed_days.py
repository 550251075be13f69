"""Which days are computed anew: every kind of reach, forwards and back, without any rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.changed_days import (
    NOTHING,
    WHOLE,
    Days,
    Period,
    days_between,
    days_of_history,
    days_to_compute,
    days_to_read,
    widened,
)
from tasks.contracts.changes import TableChange
from tasks.contracts.incremental import Incremental

PARAMETERS = {"window_hours": 48, "window_days": 3}
LINKED = {("items", "carts"): {2: {7}}, ("carts", "items"): {7: {1, 2}}}


def day(number: int) -> date:
    return date(2024, 1, number)


def on(*numbers: int) -> TableChange:
    return TableChange(whole=False, dates=frozenset(map(day, numbers)))


def entry(reads: Mapping[str, Any], **more: Any) -> Incremental:
    return Incremental.model_validate({"reads": reads, **more})


def linked(source: str, days: Days, other: str, by: str) -> Days:
    assert by == "cart_id"
    found = LINKED[source, other]
    return frozenset(day(n) for d in days for n in found.get(d.day, ()))


def computed(
    incremental: Incremental | None, *, before: int = 9, now: int = 9, **changes: TableChange
) -> TableChange:
    period = Period(day(before), day(now))
    return days_to_compute(incremental, PARAMETERS, changes, period, linked)


def test_a_table_whose_inputs_stayed_stays_on_the_same_day() -> None:
    assert computed(None, a=NOTHING) == NOTHING
    assert computed(entry({"a": {}}), a=NOTHING, b=NOTHING) == NOTHING
    assert computed(entry({"a": {}}), a=NOTHING, now=11) == on(10, 11)
    assert computed(None, a=NOTHING, now=11) == WHOLE


def test_what_is_not_declared_changes_everything() -> None:
    assert computed(None, a=on(3)) == WHOLE
    assert computed(entry({"a": {}}), b=on(3)) == WHOLE
    assert computed(entry({"a": {}}), a=on(3), b=WHOLE) == WHOLE
    assert computed(entry({"a": {}}), a=WHOLE) == WHOLE


def test_a_run_of_an_earlier_day_computes_everything() -> None:
    assert computed(entry({"a": {}}), a=NOTHING, before=9, now=8) == WHOLE


@pytest.mark.parametrize(
    ("reach", "days"),
    [
        ({}, {5}),
        ({"before": 2}, {5, 6, 7}),
        ({"after": "window_hours"}, {3, 4, 5}),
        ({"before": 1, "after": 1}, {4, 5, 6}),
    ],
)
def test_a_day_reaches_as_far_as_it_is_read(reach: dict[str, Any], days: set[int]) -> None:
    incremental = entry({"a": reach})
    assert computed(incremental, a=on(5)) == on(*days)
    for number in days:
        read = days_to_read(incremental, PARAMETERS, frozenset([day(number)]), linked)
        assert day(5) in read["a"]


def test_rows_reach_the_days_of_the_rows_that_they_belong_to() -> None:
    incremental = entry({"carts": {"before": 1}, "items": {"of": "carts", "by": "cart_id"}})
    assert computed(incremental, carts=NOTHING, items=on(2)) == on(2, 7, 8)
    read = days_to_read(incremental, PARAMETERS, frozenset([day(8)]), linked)
    assert read == {"carts": on(7, 8).dates, "items": on(1, 2, 8).dates}


def test_rows_that_have_not_settled_change_with_the_run_date() -> None:
    incremental = entry({"a": {}}, settles_after="window_hours")
    assert computed(incremental, a=NOTHING) == NOTHING
    assert computed(incremental, a=on(3)) == on(3)
    assert computed(incremental, a=on(3), now=10) == on(3, 8, 9, 10)


def test_an_input_of_the_run_date_changes_its_rows_alone() -> None:
    incremental = entry({"a": {}, "stock": {"on_run_date": True}})
    assert computed(incremental, a=on(3), stock=WHOLE) == on(3, 9)
    assert computed(incremental, a=on(3), stock=NOTHING) == on(3)
    assert computed(incremental, a=NOTHING, stock=NOTHING, now=10) == on(9, 10)
    assert "stock" not in days_to_read(incremental, PARAMETERS, on(3).dates, linked)


def test_a_series_changes_from_the_first_changed_day_on() -> None:
    incremental = entry({"a": {}}, history=["window_days", 2])
    assert computed(incremental, a=NOTHING) == NOTHING
    assert computed(incremental, a=on(6)) == on(6, 7, 8, 9)
    assert computed(incremental, a=on(8), now=10) == on(8, 9, 10)
    assert computed(incremental, a=NOTHING, now=10) == on(10)
    assert days_of_history(incremental, PARAMETERS, on(6, 9).dates) == on(3, 4, 5).dates


SPANS = st.integers(0, 4)
MANY = st.frozensets(st.integers(5, 25).map(day), max_size=5)


@given(SPANS, SPANS, MANY, MANY)
def test_what_a_day_reads_is_what_reaches_it(
    before: int, after: int, changed: Days, wanted: Days
) -> None:
    incremental = entry({"a": {"before": before, "after": after}})
    reached = computed(incremental, a=TableChange(whole=False, dates=changed)).dates
    read = days_to_read(incremental, PARAMETERS, wanted, linked)["a"]
    assert bool(reached & wanted) == bool(changed & read)


def test_days_between_are_inclusive_and_may_be_none() -> None:
    assert days_between(day(3), day(5)) == on(3, 4, 5).dates
    assert days_between(day(3), day(3)) == on(3).dates
    assert days_between(day(3), day(2)) == frozenset()
    assert widened([], 2, 2) == frozenset()
