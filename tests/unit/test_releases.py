"""Releases: one swap publishes, history is linear, and what is not whole is refused."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from blocks.lake import Lake, local_lake
from tasks.contracts.errors import ConfigurationError, PublishConflictError, ReleaseError
from tasks.contracts.release import PublishedFile, PublishedTable, Release
from tasks.releases import (
    Current,
    list_releases,
    missing_files,
    next_number,
    publish,
    read_current,
    read_release,
    roll_back,
    table_urls,
)

NOW = datetime(2024, 1, 15, 3, 0, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return local_lake(tmp_path)


def draft(lake: Lake, base: Current, *, run_id: str | None = None) -> Release:
    """A release of one file of its run, which is written."""
    number = next_number(base)
    run_id = run_id or f"run-{number}"
    content = f"rows of {run_id}".encode()
    path = f"shop/runs/{run_id}/orders/part-0.parquet"
    lake.silver.write(path, content)
    file = PublishedFile(
        root="silver",
        path=path,
        rows=number,
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )
    table = PublishedTable(rows=number, bytes=len(content), columns={"id": "BIGINT"}, files=(file,))
    return Release(
        pipeline="shop",
        release=number,
        previous=base.release,
        run_id=run_id,
        run_date=date(2024, 1, 14) + timedelta(days=number),
        created_at=NOW,
        spec_fingerprint="f" * 16,
        tables={"silver.orders": table},
    )


def publish_one(lake: Lake, **given: str) -> Release:
    base = read_current(lake, "shop")
    return publish(lake, draft(lake, base, **given), base)


def documents(lake: Lake) -> dict[str, bytes]:
    return {key: lake.control.read(key) for key in lake.control.list("shop")}


def test_before_the_first_release_there_is_nothing_to_read(lake: Lake) -> None:
    assert read_current(lake, "shop") == Current(None, None)
    assert next_number(read_current(lake, "shop")) == 1
    assert list_releases(lake, "shop") == []
    for number in (None, 1):
        with pytest.raises(ReleaseError) as caught:
            read_release(lake, "shop", number)
        assert str(caught.value) == "shop has no release yet; run `medallion run shop`"
    with pytest.raises(ReleaseError, match="no release yet"):
        roll_back(lake, "shop", to=1, created_at=NOW)


def test_publishing_shows_the_release_and_keeps_the_ones_before(lake: Lake) -> None:
    first = publish_one(lake)
    before = documents(lake)
    second = publish_one(lake)
    assert (first.release, second.release, second.previous) == (1, 2, 1)
    assert read_release(lake, "shop") == second
    assert read_release(lake, "shop", 1) == first
    assert list_releases(lake, "shop") == [first, second]
    assert documents(lake)["shop/_releases/1.json"] == before["shop/_releases/1.json"]
    pointer = read_current(lake, "shop").pointer
    assert pointer is not None
    assert (pointer.release, pointer.run_id, pointer.updated_at) == (2, "run-2", NOW)
    content = lake.control.read("shop/_releases/2.json")
    assert pointer.sha256 == hashlib.sha256(content).hexdigest()


def test_releases_are_listed_by_number_not_by_text(lake: Lake) -> None:
    for _ in range(11):
        publish_one(lake)
    lake.control.write("shop/_releases/notes.json", b"{}")
    assert [release.release for release in list_releases(lake, "shop")] == list(range(1, 12))


def test_the_loser_of_a_race_changes_nothing_and_may_try_again(lake: Lake) -> None:
    publish_one(lake)
    base = read_current(lake, "shop")
    slow = draft(lake, base, run_id="slow")
    publish_one(lake, run_id="fast")
    before = documents(lake)
    with pytest.raises(PublishConflictError) as caught:
        publish(lake, slow, base)
    assert str(caught.value) == (
        "shop: release 2 was published meanwhile, this run began on 1; "
        "nothing was changed, run again"
    )
    assert documents(lake) == before
    assert lake.silver.exists("shop/runs/slow/orders/part-0.parquet")
    base = read_current(lake, "shop")
    assert publish(lake, draft(lake, base, run_id="slow"), base).release == 3


def test_the_first_release_can_lose_a_race_too(lake: Lake) -> None:
    base = read_current(lake, "shop")
    publish_one(lake)
    with pytest.raises(PublishConflictError, match="this run began on none"):
        publish(lake, draft(lake, base, run_id="slow"), base)


def _race(root: str, number: int, results: object) -> None:
    lake = local_lake(Path(root))
    base = Current(None, None)
    try:
        publish(lake, draft(lake, base, run_id=f"racer-{number}"), base)
        results.put(f"racer-{number}")  # type: ignore[attr-defined]
    except PublishConflictError:
        results.put(None)  # type: ignore[attr-defined]


def test_of_many_processes_one_publishes(lake: Lake, tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    racers = [context.Process(target=_race, args=(str(tmp_path), n, results)) for n in range(6)]
    for racer in racers:
        racer.start()
    outcomes = [results.get(timeout=30) for _ in racers]
    for racer in racers:
        racer.join()
    (winner,) = [name for name in outcomes if name]
    assert read_release(lake, "shop").run_id == winner
    assert [release.run_id for release in list_releases(lake, "shop")] == [winner]


def test_a_dead_publishers_document_is_no_release_and_is_replaced(lake: Lake) -> None:
    publish_one(lake)
    base = read_current(lake, "shop")
    leftover = draft(lake, base, run_id="dead")
    lake.control.write("shop/_releases/2.json", leftover.model_dump_json().encode())
    assert read_release(lake, "shop").release == 1
    assert [release.release for release in list_releases(lake, "shop")] == [1]
    with pytest.raises(ReleaseError, match="shop has no release 2; see `medallion releases shop`"):
        read_release(lake, "shop", 2)
    with pytest.raises(ReleaseError, match="shop has no release 2"):
        roll_back(lake, "shop", to=2, created_at=NOW)
    publish_one(lake, run_id="alive")
    assert read_release(lake, "shop", 2).run_id == "alive"


def test_half_a_document_of_a_dead_publisher_is_replaced_too(lake: Lake) -> None:
    lake.control.write("shop/_releases/1.json", b'{"pipeline": "sh')
    assert publish_one(lake).release == 1
    assert read_release(lake, "shop").run_id == "run-1"


def test_a_changed_current_document_is_refused(lake: Lake) -> None:
    publish_one(lake)
    key = "shop/_releases/1.json"
    document = json.loads(lake.control.read(key))
    document["tables"]["silver.orders"]["rows"] = 999
    lake.control.write(key, json.dumps(document).encode())
    for number in (None, 1):
        with pytest.raises(ReleaseError) as caught:
            read_release(lake, "shop", number)
        assert str(caught.value) == (
            f"{lake.control.url(key)} is not the document that the pointer names"
        )


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"{}", "schema_version|pipeline: Field required"),
        (b"not json", "the document: Invalid JSON"),
        (b'{"pipeline": "shop", "release": 0}', "release: Input should be greater"),
    ],
)
def test_a_pointer_that_is_none_is_named(lake: Lake, content: bytes, problem: str) -> None:
    lake.control.write("shop/_latest.json", content)
    with pytest.raises(ReleaseError, match=problem) as caught:
        read_current(lake, "shop")
    assert str(caught.value).startswith(lake.control.url("shop/_latest.json"))


def test_an_older_document_that_is_none_is_named(lake: Lake) -> None:
    publish_one(lake)
    publish_one(lake)
    lake.control.write("shop/_releases/1.json", b'{"release": "one"}')
    with pytest.raises(ReleaseError, match=r"_releases/1\.json: "):
        read_release(lake, "shop", 1)


def test_a_current_document_that_is_gone_is_told(lake: Lake) -> None:
    publish_one(lake)
    Path(lake.control.url("shop/_releases/1.json")).unlink()
    with pytest.raises(ReleaseError, match="shop has no release 1"):
        read_release(lake, "shop")


def test_rolling_back_repeats_an_older_release_as_a_new_one(lake: Lake) -> None:
    first, second = publish_one(lake), publish_one(lake)
    before = documents(lake)
    later = NOW + timedelta(hours=1)
    third = roll_back(lake, "shop", to=1, created_at=later)
    assert (third.release, third.previous, third.kind, third.repeats) == (3, 2, "rollback", 1)
    assert (third.tables, third.run_id, third.run_date) == (
        first.tables,
        first.run_id,
        first.run_date,
    )
    assert third.created_at == later
    assert list_releases(lake, "shop") == [first, second, third]
    after = documents(lake)
    for key in ("shop/_releases/1.json", "shop/_releases/2.json"):
        assert after[key] == before[key]
    # Who asks again for want of an answer gets what was published.
    assert roll_back(lake, "shop", to=1, created_at=later) == third
    # And forward again: the number goes on.
    assert roll_back(lake, "shop", to=2, created_at=later).release == 4
    assert publish_one(lake).release == 5


def test_a_rollback_to_where_one_is_already_is_refused(lake: Lake) -> None:
    publish_one(lake)
    before = documents(lake)
    with pytest.raises(ConfigurationError) as caught:
        roll_back(lake, "shop", to=1, created_at=NOW)
    assert str(caught.value) == "release 1 of shop is the current one already"
    assert documents(lake) == before


@pytest.mark.parametrize("number", [0, 3, 99])
def test_a_rollback_to_no_release_is_refused(lake: Lake, number: int) -> None:
    publish_one(lake)
    publish_one(lake)
    with pytest.raises(ReleaseError) as caught:
        roll_back(lake, "shop", to=number, created_at=NOW)
    assert str(caught.value) == (f"shop has no release {number}; see `medallion releases shop`")


def test_a_rollback_to_files_that_are_gone_is_refused(lake: Lake) -> None:
    first = publish_one(lake)
    publish_one(lake)
    Path(table_urls(lake, first.tables["silver.orders"])[0]).unlink()
    before = documents(lake)
    assert [file.path for file in missing_files(lake, first)] == [
        "shop/runs/run-1/orders/part-0.parquet"
    ]
    with pytest.raises(ReleaseError) as caught:
        roll_back(lake, "shop", to=1, created_at=NOW)
    assert str(caught.value) == (
        "release 1 of shop cannot come back: 1 of its files are gone, "
        "the first is shop/runs/run-1/orders/part-0.parquet"
    )
    assert documents(lake) == before
    assert read_release(lake, "shop").release == 2


def test_a_file_that_was_cut_short_is_missing(lake: Lake) -> None:
    first = publish_one(lake)
    assert missing_files(lake, first) == []
    Path(table_urls(lake, first.tables["silver.orders"])[0]).write_bytes(b"rows")
    assert len(missing_files(lake, first)) == 1


def test_files_of_internal_tables_belong_to_a_release_that_does_not_show_them(lake: Lake) -> None:
    given = draft(lake, read_current(lake, "shop"))
    hidden = given.tables["silver.orders"].model_copy(update={"internal": True})
    release = given.model_copy(update={"tables": {"gold.sums": hidden}})
    publish(lake, release, read_current(lake, "shop"))
    read = read_release(lake, "shop")
    assert (read.shown, list(read.tables)) == ({}, ["gold.sums"])
    Path(table_urls(lake, hidden)[0]).unlink()
    assert missing_files(lake, read) == list(hidden.files)


def test_pipelines_do_not_see_each_other(lake: Lake) -> None:
    publish_one(lake)
    assert read_current(lake, "market").release is None
    assert list_releases(lake, "market") == []
