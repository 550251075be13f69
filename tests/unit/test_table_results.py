"""Results in a lake: when one is kept, found and taken over, and when clearing up removes it.

Belongs here: `tasks.table_results` and what `tasks.maintenance` makes of results, on folders. Does
not belong here: runs that are tried again (`faults/test_retried_runs.py`).
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from tasks.bronze_inventory import BronzeTable
from tasks.changed_days import WHOLE
from tasks.contracts.release import PublishedTable, SilverCounts
from tasks.contracts.run_record import GateResult, GateStatus
from tasks.maintenance import clear_up, look
from tasks.run_base import Base
from tasks.run_state import RunState
from tasks.silver import SilverBuild
from tasks.specs import load_spec
from tasks.table_results import (
    build_of,
    cleared_away,
    find_results,
    keep_result,
    keys_of,
    take_over,
)
from tests.unit.release_builder import STARTED, published, run_of

SPEC = load_spec("ecommerce")
NAME = "silver.customers"
COUNTS = SilverCounts(bronze=3, quarantined=0, orphans=0, valid=3, distinct_keys=3)
MADE = SilverBuild({"customers": COUNTS})
DAY = timedelta(days=1)


def state_of(lake: Path, run_id: str) -> RunState:
    state = RunState(run_of(SPEC, lake, run_id, STARTED.date()))
    state.base = Base(None, "there is no release yet")
    state.inventory = {table.name: BronzeTable(table.name, ()) for table in SPEC.tables}
    return state


def gate(status: GateStatus) -> GateResult:
    return GateResult(
        layer="silver", table="customers", check="c", status=status, observed=1, threshold=1
    )


def computed(lake: Path, run_id: str = "first", status: GateStatus = "pass") -> PublishedTable:
    """Let a run compute one table and die."""
    state = state_of(lake, run_id)
    rows = pl.LazyFrame({"customer_id": ["a", "b", "c"]})
    table = published(state.run, NAME, rows, None)
    keep_result(state, NAME, {NAME: table}, WHOLE, [gate(status)], MADE)
    return table


def retried(lake: Path, run_id: str = "second") -> RunState:
    """A run that has found what there is."""
    state = state_of(lake, run_id)
    state.results = find_results(state.run, keys_of(state, {}))
    return state


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    return tmp_path / "lake"


def test_a_result_is_taken_over_with_all_that_is_known_of_it(lake: Path) -> None:
    table = computed(lake)
    state = retried(lake)
    assert set(state.results) == {NAME}
    result = take_over(state, NAME)
    assert result is not None
    assert (result.run_id, result.tables, result.change) == ("first", {NAME: table}, WHOLE)
    assert build_of(result) == MADE
    assert state.reused == {NAME: result}
    assert take_over(state, "silver.orders") is None
    assert cleared_away(state) == []
    (lake / "silver" / table.files[0].path).unlink()
    assert cleared_away(state) == list(table.files)


@pytest.mark.parametrize(("status", "found"), [("pass", True), ("warn", True), ("fail", False)])
def test_a_table_that_stops_its_run_leaves_no_result(
    lake: Path, status: GateStatus, found: bool
) -> None:
    computed(lake, status=status)
    assert (NAME in retried(lake).results) == found


def test_of_other_inputs_there_is_no_result(lake: Path) -> None:
    computed(lake)
    state = retried(lake)
    state.inventory["customers"] = BronzeTable("customers", (), columns=())
    assert take_over(state, NAME) is not None
    later = retried(lake, "third")
    later.base = Base(None, "another reason")
    assert take_over(later, NAME) is not None
    other = state_of(lake, "fourth")
    del other.inventory["customers"]
    assert NAME not in find_results(other.run, keys_of(other, {}))


@pytest.mark.parametrize("content", [b"", b"{", b'{"schema_version": "9.0"}'])
def test_a_document_that_cannot_be_read_is_no_result(lake: Path, content: bytes) -> None:
    computed(lake)
    (document,) = (lake / "silver" / "ecommerce" / "_results").iterdir()
    document.write_bytes(content)
    assert retried(lake).results == {}


def test_files_that_are_gone_cut_or_changed_are_computed_anew(lake: Path) -> None:
    file = lake / "silver" / computed(lake).files[0].path
    content = file.read_bytes()
    file.unlink()
    assert retried(lake).results == {}
    file.write_bytes(content[:-1])
    assert retried(lake).results == {}
    file.write_bytes(content[:40] + bytes([content[40] ^ 1]) + content[41:])
    state = retried(lake)
    assert NAME in state.results
    assert take_over(state, NAME) is None
    assert state.reused == {}


def test_clearing_up_leaves_results_within_the_grace_period_and_then_removes_all_of_them(
    lake: Path,
) -> None:
    computed(lake)
    state = retried(lake)
    now = datetime.now(UTC)
    assert look(state.run.lake, SPEC, now=now, grace=DAY).removals == ()
    clear_up(state.run.lake, SPEC, now=now + 2 * DAY, grace=DAY)
    assert [path for path in lake.rglob("*") if path.is_file()] == []


def test_a_result_that_a_run_has_taken_over_stays_as_long_again(lake: Path) -> None:
    table = computed(lake)
    for path in list(lake.rglob("*")):
        os.utime(path, (0, 0))
    now = datetime.now(UTC)
    state = retried(lake)
    gone = look(state.run.lake, SPEC, now=now, grace=DAY).removals
    assert [(removal.kind, removal.name) for removal in gone] == [
        ("result", "1 of computed tables"),
        ("run", "first"),
    ]
    assert take_over(state, NAME) is not None
    clear_up(state.run.lake, SPEC, now=now, grace=DAY)
    assert (lake / "silver" / table.files[0].path).is_file()
    assert set(retried(lake, "third").results) == {NAME}
