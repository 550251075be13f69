"""A run that was asked for twice: the second publishes nothing that is there already."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from blocks.lake import Lake, local_lake
from tasks.audit import write_record
from tasks.contracts.release import PublishedTable, Release
from tasks.contracts.run_record import RunRecord
from tasks.releases import publish, read_current, read_release
from tasks.repeated_runs import says_the_same, was_published_meanwhile

BEGAN, SECONDS = datetime(2024, 1, 15, 3, tzinfo=UTC), 60
ORDERS = PublishedTable(rows=1, bytes=2, columns={"order_id": "VARCHAR"}, files=())


def release(number: int, **changes: Any) -> Release:
    said: dict[str, Any] = {
        "pipeline": "ecommerce",
        "release": number,
        "previous": number - 1 or None,
        "run_id": f"run-{number}",
        "run_date": date(2024, 1, 14),
        "as_of": date(2024, 1, 14),
        "created_at": BEGAN,
        "spec_fingerprint": "0",
        "bronze": {"orders": ("a|1|1|-",)},
        "tables": {"silver.orders": ORDERS},
    }
    return Release(**{**said, **changes})


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake in which a run of one minute has published release 1."""
    lake = local_lake(tmp_path)
    publish(lake, release(1), read_current(lake, "ecommerce"))
    record = RunRecord(
        pipeline="ecommerce",
        run_id="run-1",
        run_date=date(2024, 1, 14),
        environment="local",
        gate_mode="warn",
        status="published",
        release=1,
        started_at=BEGAN,
        seconds=SECONDS,
    )
    write_record(lake, record)
    return lake


def meanwhile(lake: Lake, second: Release, asked_at: datetime) -> bool:
    before, current = read_release(lake, "ecommerce"), read_current(lake, "ecommerce")
    return was_published_meanwhile(lake, second, before, current, asked_at)


@pytest.mark.parametrize(("seconds", "same"), [(-5, True), (30, True), (61, False)])
def test_only_what_was_asked_for_before_it_was_published_is_a_repetition(
    lake: Lake, seconds: int, same: bool
) -> None:
    assert meanwhile(lake, release(2), BEGAN + timedelta(seconds=seconds)) is same


@pytest.mark.parametrize(
    "changes",
    [
        {"tables": {"silver.orders": ORDERS.model_copy(update={"rows": 2})}},
        {"bronze": {"orders": ("a|1|1|-", "b|1|1|-")}},
        {"run_date": date(2024, 1, 15)},
        {"as_of": None},
        {"spec_fingerprint": "1"},
        {"logic_fingerprint": "1"},
    ],
)
def test_what_differs_is_published(lake: Lake, changes: dict[str, Any]) -> None:
    assert not meanwhile(lake, release(2, **changes), BEGAN)
    assert not says_the_same(release(2, **changes), release(1))


def test_a_release_that_nobody_recorded_or_that_is_not_the_current_one_does_not_count(
    lake: Lake,
) -> None:
    second, before = release(2), read_release(lake, "ecommerce")
    current = read_current(lake, "ecommerce")
    assert not was_published_meanwhile(lake, second, None, current, BEGAN)
    publish(lake, second, current)
    assert not was_published_meanwhile(
        lake, release(3), before, read_current(lake, "ecommerce"), BEGAN
    )
    assert not meanwhile(lake, release(3), BEGAN)  # run-2 left no record
