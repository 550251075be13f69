"""What a run may build on, and why not.

Belongs here: the pure decisions of `tasks.run_base`. Does not belong here: that tables built on a
base equal those built from nothing (`tests/integration/test_arrival_sequences.py`).
"""

from datetime import date

import pytest

from tasks.bronze_tables import BronzeFile, BronzeTable, ExpiredFile
from tasks.contracts.pii import Pii
from tasks.contracts.release import PublishedTable, Release
from tasks.run_base import Base, choose_base, computed_tables, settle_base
from tasks.specs import load_spec
from tests.unit.release_builder import STARTED

SPEC, DAY = load_spec("clickstream"), date(2024, 1, 2)
EMPTY = PublishedTable(columns={}, rows=0, bytes=0, files=())


def release(**changes: object) -> Release:
    given = {
        "pipeline": "clickstream",
        "release": 7,
        "previous": None,
        "run_id": "r",
        "run_date": DAY,
        "created_at": STARTED,
        "spec_fingerprint": "spec",
        "logic_fingerprint": "logic",
        "bronze": {"events_cleaned": ("a|1",)},
        "tables": dict.fromkeys(computed_tables(SPEC), EMPTY),
    }
    return Release.model_validate(given | changes)


def choose(before: Release | None, run_date: date = DAY, *, full_refresh: bool = False) -> Base:
    return choose_base(
        before,
        spec=SPEC,
        spec_fingerprint="spec",
        logic_fingerprint="logic",
        run_date=run_date,
        full_refresh=full_refresh,
    )


@pytest.mark.parametrize("run_date", [DAY, date(2024, 1, 3)])
def test_a_whole_release_of_the_same_rules_is_a_base_for_its_day_and_later_ones(
    run_date: date,
) -> None:
    before = release()
    assert choose(before, run_date) == Base(before)


def test_each_obstacle_is_told() -> None:
    part = {name: table for name, table in release().tables.items() if name.startswith("gold.")}
    assert choose(None).reason == "there is no release yet"
    assert choose(release(), full_refresh=True).reason == "a full refresh was asked for"
    masked = choose(release(masked_by="a key"))
    assert masked.reason == "columns are masked by another key since release 7"
    assert choose(release(), date(2024, 1, 1)).reason == "release 7 is of a later day, 2024-01-02"
    assert (
        choose(release(spec_fingerprint="other")).reason
        == "the specification changed since release 7"
    )
    assert (
        choose(release(logic_fingerprint="other")).reason
        == "SQL or transforms changed since release 7"
    )
    assert choose(release(bronze={})).reason == "release 7 does not say which bronze it was made of"
    assert (
        choose(release(tables=part)).reason
        == "release 7 has no table silver.events_cleaned, silver.events_quarantine"
    )


def test_where_silver_hides_values_only_bronze_can_tell_how_rows_are_judged() -> None:
    shop = load_spec("ecommerce")
    email = Pii(table="customers", column="email", kind="email", silver="mask")
    names = dict.fromkeys(computed_tables(shop), EMPTY)
    given = {"spec_fingerprint": "spec", "logic_fingerprint": "logic"}
    for pii, reason in (((), ""), ((email,), "rows are judged by values that silver does not")):
        spec = shop.model_copy(update={"pii": pii})
        base = choose_base(
            release(pipeline="ecommerce", tables=names),
            spec=spec,
            run_date=DAY,
            full_refresh=False,
            **given,
        )
        assert (base.reason.startswith(reason), base.release is None) == (True, bool(pii))


def test_batches_that_expired_are_no_damage() -> None:
    seen = release(bronze={"events_cleaned": ("a|1", "b|1")})
    left = (BronzeFile("b", 1, 1, (), "b|1"),)
    expired = BronzeTable("events_cleaned", left, expired=(ExpiredFile("a|1", "batch_a", 1),))
    told = settle_base(Base(seen), {"events_cleaned": expired}).reason
    assert told == "batches of events_cleaned that the release before has seen expired"
    gone = settle_base(Base(seen), {"events_cleaned": BronzeTable("events_cleaned", left)}).reason
    assert gone == "bronze of the release before is gone or changed: a"
