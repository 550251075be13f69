"""Which days of a range are still to be published, and in which order days proceed."""

from __future__ import annotations

import random
import threading
import time
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.backfill import BackfillError, Turns, days_of, published_days, standing_releases
from tasks.bronze_inventory import BronzeFile, BronzeTable
from tasks.contracts.errors import ConfigurationError
from tasks.contracts.release import Release, rolled_back
from tasks.releases import Current
from tasks.specs import load_spec

SPEC = load_spec("clickstream")
NOW = datetime(2024, 2, 1, tzinfo=UTC)
DAYS = days_of(date(2024, 1, 1), date(2024, 1, 4))
NOBODY = Current(None, None)


def identity(number: int) -> str:
    return f"clickstream/events_raw/event_type=view/batch_{number}.parquet|1|1|-"


def release(number: int, day: date, seen: int = 1, **changes: object) -> Release:
    given = {
        "pipeline": "clickstream",
        "release": number,
        "previous": number - 1 or None,
        "run_id": f"r{number}",
        "run_date": day,
        "as_of": day,
        "created_at": NOW,
        "spec_fingerprint": "spec",
        "logic_fingerprint": "logic",
        "bronze": {"events_cleaned": tuple(identity(n) for n in range(seen))},
        "tables": {},
    }
    return Release.model_validate(given | changes)


def published(*releases: Release, present: int = 1) -> dict[date, int]:
    files = tuple(BronzeFile("u", 1, 1, (), identity(number)) for number in range(present))
    return published_days(
        DAYS,
        releases,
        SPEC,
        {"events_cleaned": BronzeTable("events_cleaned", files)},
        prefix="clickstream/",
        spec_fingerprint="spec",
        logic_fingerprint="logic",
    )


def test_a_day_is_published_by_a_release_of_the_same_bronze_and_rules() -> None:
    first, second = release(1, DAYS[0]), release(2, DAYS[1])
    assert published(first, second) == {DAYS[0]: 1, DAYS[1]: 2}
    assert published(first, second, present=2) == {}
    assert published(first, release(2, DAYS[0], seen=2), present=2) == {DAYS[0]: 2}
    assert published(first, second, release(3, DAYS[1], seen=2)) == {DAYS[0]: 1}
    for changes in (
        {"spec_fingerprint": "other"},
        {"logic_fingerprint": "other"},
        {"as_of": None},
    ):
        assert published(release(1, DAYS[0], **changes)) == {}
    assert published(release(1, date(2023, 1, 1))) == {}


def test_a_day_that_is_missing_or_out_of_order_makes_the_later_ones_follow_anew() -> None:
    first, third = release(1, DAYS[0]), release(2, DAYS[2])
    assert published(first, third) == {DAYS[0]: 1}
    assert published(first, third, release(3, DAYS[1])) == {DAYS[0]: 1, DAYS[1]: 3}
    assert published(third, release(3, DAYS[0], previous=2)) == {DAYS[0]: 3}
    assert published(first, release(2, date(2024, 1, 20))) == {DAYS[0]: 1}


def test_a_file_that_a_day_does_not_see_does_not_count_for_it() -> None:
    spec = load_spec("ecommerce")
    inventory = {
        table.name: BronzeTable(
            table.name,
            tuple(
                BronzeFile("u", 1, 1, (), f"e/{table.bronze_name}/{folder}/f.parquet|1|1|-")
                for folder in ("ingest_dt=2024-01-01", "ingest_dt=2024-01-03")
            ),
        )
        for table in spec.tables
    }
    seen = {}
    for table in spec.tables:
        files = sorted(inventory[table.name].identities)
        seen[table.name] = tuple(files[:1] if table.partition.kind == "date" else files)
    found = published_days(
        DAYS[1:],
        [release(1, DAYS[1], pipeline="ecommerce", bronze=seen)],
        spec,
        inventory,
        prefix="e/",
        spec_fingerprint="spec",
        logic_fingerprint="logic",
    )
    assert found == {DAYS[1]: 1}


def test_what_a_rollback_withdrew_is_not_published() -> None:
    line = [release(number, day) for number, day in enumerate(DAYS[:3], 1)]
    back = rolled_back(line[0], line[2], created_at=NOW)
    assert published(*line, back) == {DAYS[0]: 1}
    again = release(5, DAYS[1])
    assert published(*line, back, again) == {DAYS[0]: 1, DAYS[1]: 5}
    assert standing_releases([line[0], line[2], back]) == [line[0]]  # one was cleared away
    assert standing_releases([]) == []


def test_a_range_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="--start 2024-01-04 is after --end 2024-01-01"):
        days_of(DAYS[-1], DAYS[0])
    with pytest.raises(ConfigurationError, match="mistyped"):
        days_of(date(24, 1, 1), DAYS[0])


@given(seed=st.integers(0, 2**16), failing=st.none() | st.sampled_from(DAYS))
def test_days_take_their_turns_in_order_and_none_follows_a_failure(
    seed: int, failing: date | None
) -> None:
    turns, order = Turns(DAYS, NOBODY), []
    pauses = random.Random(seed)
    waits = {day: pauses.random() / 2000 for day in DAYS}

    def proceed(day: date) -> None:
        try:
            with turns.turn("dimensions", day):
                order.append(("dimensions", day))
            time.sleep(waits[day])
            if day == failing:
                raise RuntimeError
            with turns.turn("publish", day):
                order.append(("publish", day))
            turns.done(day)
        except (RuntimeError, BackfillError):
            turns.failed(day)

    threads = [threading.Thread(target=proceed, args=(day,)) for day in DAYS]
    pauses.shuffle(threads)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
        assert not thread.is_alive()
    shown = [day for stage, day in order if stage == "publish"]
    assert shown == [day for day in DAYS if failing is None or day < failing]
    assert [day for stage, day in order if stage == "dimensions"] == DAYS[: len(order) - len(shown)]
