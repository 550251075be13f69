"""What of a fact a gold build writes, and which files of the release before stay.

Belongs here: the decision by fact. Does not belong here: the SQL, or dbt
(`integration/test_carried_files.py`).
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from tasks.changed_days import NOTHING, WHOLE
from tasks.contracts.changes import TableChange
from tasks.contracts.release import PublishedTable
from tasks.contracts.spec import GoldFact
from tasks.gold import GoldBuild, describe_fact, fact_change
from tasks.run_base import Base
from tasks.run_context import RunContext
from tasks.specs import load_spec
from tests.unit.release_builder import base_of, published, run_of

SPEC = load_spec("ecommerce")
TODAY = date(2024, 1, 9)
DAYS = [date(2024, 1, day) for day in (7, 8, 9)]
OPERATIONS, SEGMENTS = "fct_sales_operations", "fct_customer_segments"
ROWS = pl.LazyFrame({"dt": DAYS, "product_id": [1, 2, 3]})


def fact(name: str) -> GoldFact:
    return next(entry for entry in SPEC.gold if entry.name == name)


class Release:
    """A release with two facts, one cut by day, and a run on top of it."""

    def __init__(self, lake: Path, *, later_by: int = 0, cut: bool = True) -> None:
        first = run_of(SPEC, lake, "first", TODAY)
        tables: dict[str, PublishedTable] = {}
        for name, day in ((OPERATIONS, "dt" if cut else None), (SEGMENTS, None)):
            tables[f"gold.{name}"] = published(first, f"gold.{name}", ROWS, day)
        self.base: Base = base_of(first, tables)
        self.run: RunContext = run_of(SPEC, lake, "second", TODAY + timedelta(days=later_by))

    def change(self, name: str, **inputs: TableChange) -> TableChange:
        changes = dict.fromkeys(fact(name).inputs, NOTHING)
        changes |= {f"enriched.{table}": change for table, change in inputs.items()}
        return fact_change(self.run, fact(name), {}, self.base, changes)

    def described(self, name: str, change: TableChange) -> PublishedTable:
        return describe_fact(self.run, fact(name), GoldBuild((), {name: change}), self.base)


def on(*days: int) -> TableChange:
    return TableChange(whole=False, dates=frozenset(date(2024, 1, day) for day in days))


@pytest.fixture
def release(tmp_path: Path) -> Release:
    return Release(tmp_path)


def test_facts_whose_inputs_stayed_stay(release: Release) -> None:
    for name in (OPERATIONS, SEGMENTS):
        assert release.change(name) == NOTHING
        kept = release.described(name, NOTHING)
        assert release.base.release is not None
        assert kept == release.base.release.tables[f"gold.{name}"]


def test_a_changed_day_is_written_and_the_others_stay(release: Release) -> None:
    change = release.change(OPERATIONS, sales_velocity=on(8))
    assert change == on(8)
    kept = release.described(OPERATIONS, change)
    assert [file.partition["dt"] for file in kept.files] == ["2024-01-07", "2024-01-09"]
    assert kept.rows == 2
    assert kept.partition_column == "dt"


def test_stock_stands_on_the_run_date_alone(release: Release) -> None:
    assert release.change(OPERATIONS, inventory_risk=WHOLE) == on(9)
    assert release.change(OPERATIONS, inventory_risk=WHOLE, product_performance=on(7)) == on(7, 9)


def test_what_is_not_cut_by_day_is_written_whole(release: Release) -> None:
    assert release.change(SEGMENTS, customer_lifetime_value=WHOLE) == WHOLE
    assert release.change(OPERATIONS, product_performance=WHOLE) == WHOLE
    assert release.described(SEGMENTS, WHOLE).files == ()


def test_every_row_tells_the_run_date(tmp_path: Path) -> None:
    later = Release(tmp_path, later_by=1)
    assert later.change(OPERATIONS) == WHOLE
    assert later.change(SEGMENTS) == WHOLE


def test_a_release_that_was_not_cut_by_day_is_no_base(tmp_path: Path) -> None:
    assert Release(tmp_path, cut=False).change(OPERATIONS, sales_velocity=on(8)) == WHOLE


def test_without_a_release_everything_is_written(release: Release) -> None:
    release.base = Base(None)
    assert release.change(OPERATIONS) == WHOLE
