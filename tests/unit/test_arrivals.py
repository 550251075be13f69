"""When files of a watched folder are settled, and which of them make the next batch."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.arrivals import (
    LONGEST_PAUSE_SECONDS,
    Arrivals,
    Pace,
    Version,
    is_arrival,
    pause_seconds,
)
from tasks.drop_folder import list_folder

PACE = Pace(settle_seconds=5, debounce_seconds=10, max_wait_seconds=60, max_batch_files=3)
ONE, TWO = Version(1, 1), Version(2, 2)


def after(*looks: tuple[float, dict[str, Version]], pace: Pace = PACE) -> Arrivals:
    known = Arrivals()
    for now, listing in looks:
        known = known.observed(listing, now, pace)
    return known


@pytest.mark.parametrize(
    "name",
    [".a.csv", "a.csv.tmp", "a.part", "orders/b.csv~", ".in/a.csv", "_x/a.csv", "_MANIFEST.json"],
)
def test_hidden_and_unfinished_names_are_no_arrivals(name: str) -> None:
    assert not is_arrival(name)
    assert after((0, {name: ONE}), (99, {name: ONE})).waiting == ()


def test_a_file_settles_after_it_stayed_unchanged() -> None:
    assert after((0, {"a": ONE}), (4.9, {"a": ONE})).unsettled == ("a",)
    assert after((0, {"a": ONE}), (5, {"a": ONE})).waiting == ("a",)
    grown = after((0, {"a": ONE}), (4, {"a": TWO}), (8, {"a": TWO}))
    assert (grown.waiting, grown.unsettled) == ((), ("a",))
    assert grown.observed({"a": TWO}, 9, PACE).waiting == ("a",)


def test_a_batch_is_due_when_nothing_more_comes() -> None:
    known = after((0, {"a": ONE}), (5, {"a": ONE, "b": ONE}), (10, {"a": ONE, "b": ONE}))
    assert known.waiting == ("a", "b")
    assert known.due(19.9, PACE) == ()
    assert known.due(20, PACE) == ("a", "b")


def test_a_batch_is_due_when_it_is_full_or_has_waited_long() -> None:
    four = dict.fromkeys("abcd", ONE)
    assert after((0, four), (5, four)).due(5, PACE) == ("a", "b", "c")
    known = after((0, {"a": ONE}), (5, {"a": ONE}), (55, {"a": ONE, "z": ONE}))
    known = known.observed({"a": ONE, "z": ONE}, 64, PACE)
    assert known.waiting == ("a", "z")
    assert known.due(64, PACE) == ()
    assert known.due(65, PACE) == ("a", "z")


def test_a_refused_file_is_listed_until_it_changes_and_then_tried_again() -> None:
    known = after((0, {"a": ONE, "b": ONE}), (5, {"a": ONE, "b": ONE}))
    known = known.processed(["a", "b"], {"a": "line 3 is broken"})
    assert known.faults == {"a": "line 3 is broken"}
    again = known.observed({"a": ONE, "b": ONE}, 50, PACE)
    assert (again.waiting, again.faults) == ((), {"a": "line 3 is broken"})
    mended = again.observed({"a": TWO, "b": ONE}, 60, PACE).observed({"a": TWO}, 65, PACE)
    assert (mended.waiting, mended.faults) == (("a",), {})
    assert again.observed({}, 60, PACE).faults == {}


def test_pauses_after_failures_grow_up_to_a_limit() -> None:
    assert [pause_seconds(n) for n in (1, 2, 3)] == [15.0, 30.0, 60.0]
    assert pause_seconds(10_000) == LONGEST_PAUSE_SECONDS


# A step of a folder's life: seconds that pass, then files that are written (anew), then a look.
NAMES = st.sampled_from([f"f{number}" for number in range(8)])
STEPS = st.lists(st.tuples(st.integers(1, 20), st.lists(NAMES, max_size=4)), max_size=40)
PACES = st.builds(
    Pace,
    settle_seconds=st.integers(0, 12),
    debounce_seconds=st.integers(0, 30),
    max_wait_seconds=st.integers(0, 60),
    max_batch_files=st.integers(1, 4),
)


@given(STEPS, PACES)
def test_every_settled_version_is_in_one_batch_in_order_and_in_time(
    steps: list[tuple[int, list[str]]], pace: Pace
) -> None:
    written: dict[str, tuple[int, Version]] = {}
    first_seen: dict[tuple[str, Version], int] = {}
    taken: list[tuple[str, Version]] = []
    known, now = Arrivals(), 0
    quiet = [(1, []) for _ in range(int(pace.settle_seconds + pace.debounce_seconds) + 16)]
    for passed, names in [*steps, *quiet]:
        now += passed
        for name in names:
            written[name] = (now, Version(now, now))
        listing = {name: version for name, (_, version) in written.items()}
        for item in listing.items():
            first_seen.setdefault(item, now)
        known = known.observed(listing, now, pace)
        waiting, settled = known.waiting, known.sightings
        batch = known.due(now, pace)
        assert len(batch) <= pace.max_batch_files
        # In order: what settled first goes first, so nobody waits behind a later file.
        assert batch in ((), waiting[: len(batch)])
        times = [settled[name].settled_at for name in waiting]
        assert times == sorted(times)  # type: ignore[type-var]
        for name in batch:
            # Never a file that changed within the time to settle.
            assert now - first_seen[name, listing[name]] >= pace.settle_seconds
        if waiting and not batch:
            assert now - (settled[waiting[0]].settled_at or 0) < pace.max_wait_seconds
        taken += [(name, listing[name]) for name in batch]
        known = known.processed(batch)
    assert len(taken) == len(set(taken)), "a version was in two batches"
    assert {(name, version) for name, (_, version) in written.items()} <= set(taken)


def test_a_listing_has_the_files_below_a_folder(tmp_path: Path) -> None:
    for name in ("a.csv", "orders/day=1/b.csv", ".git/c.csv", "_tmp/d.csv", "e.csv.part"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("12345")
    os.utime(tmp_path / "a.csv", ns=(7, 7))
    (tmp_path / "lost").symlink_to(tmp_path / "nowhere")
    listing = list_folder(tmp_path)
    assert sorted(listing) == ["a.csv", "orders/day=1/b.csv"]
    assert listing["a.csv"] == Version(5, 7)
    with pytest.raises(OSError, match="nowhere"):
        list_folder(tmp_path / "nowhere")
