"""Landing in buckets, where nobody can be held off: each file once, whoever else is at it."""

from __future__ import annotations

import threading
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from blocks.store import Store
from blocks.stores.local import LocalStore
from tasks.contracts.errors import IngestError
from tests.integration.landing_shop import (
    DAY,
    MOMENT,
    PREFIX,
    SALES,
    land_all,
    landed_rows,
    partitions,
    store_at,
    write_rows,
)
from tests.stores.conftest import Backend

GOODS = [{"good_id": n, "category": f"c{n % 3}"} for n in range(9)]


def on_disk(store: Store, folder: Path) -> LocalStore:
    """A copy of bronze, for those who read folders."""
    for key in store.list(""):
        store.download(key, folder / key)
    return LocalStore(folder)


@pytest.fixture
def store(object_backend: Backend) -> Store:
    return object_backend.open(object_backend.root())


def test_files_land_in_a_bucket_as_they_do_on_a_disk(store: Store, tmp_path: Path) -> None:
    source = tmp_path / "source"
    write_rows(source / "sales.csv", SALES)
    write_rows(source / "goods.jsonl.gz", GOODS, "goods")
    local = store_at(tmp_path)
    report = land_all(store, source)
    assert report == land_all(local, source)
    copy = on_disk(store, tmp_path / "copy")
    for table in ("sales", "goods"):
        assert sorted(landed_rows(copy, table), key=repr) == sorted(
            landed_rows(local, table), key=repr
        )
        assert partitions(copy, table) == partitions(local, table)
    before = store.list("")
    again = land_all(store, source, landed_on=date(2024, 2, 1))
    assert (again.landed, again.rows) == ((), 0)
    assert store.list("") == before


class Dying:
    """Lets go of the process before the record is written."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def swap(self, key: str, content: bytes, *, expected: str | None) -> str:
        if "/_batches/" in key and not key.endswith(".claim"):
            raise KeyboardInterrupt
        return self._store.swap(key, content, expected=expected)


def test_an_attempt_that_died_shows_nothing_and_the_next_completes_it(
    store: Store, tmp_path: Path
) -> None:
    source = write_rows(tmp_path / "goods.csv", GOODS, "goods")
    with pytest.raises(KeyboardInterrupt):
        land_all(Dying(store), source)
    assert landed_rows(on_disk(store, tmp_path / "died"), "goods") == []
    later = {"landed_on": DAY + timedelta(days=3), "landed_at": MOMENT + timedelta(days=3)}
    assert land_all(store, source, **later).rows == len(GOODS)
    copy = on_disk(store, tmp_path / "copy")
    rows = landed_rows(copy, "goods", "good_id, ingestion_ts")
    assert sorted(int(good) for good, _ in rows) == list(range(9))
    assert {str(moment)[:10] for _, moment in rows} == {"2024-01-15"}, "the first attempt decides"


@pytest.mark.parametrize("table", ["sales", "goods"])
def test_attempts_side_by_side_on_different_days_land_a_file_once(
    store: Store, tmp_path: Path, table: str
) -> None:
    rows = SALES if table == "sales" else GOODS
    start = threading.Barrier(3)
    failures: list[BaseException] = []

    def land(number: int, source: Path) -> None:
        try:
            start.wait(30)
            land_all(store, source, landed_on=DAY + timedelta(days=number))
        except BaseException as error:
            failures.append(error)

    for attempt in range(2):
        source = tmp_path / f"{attempt}" / f"{table}.csv"
        write_rows(source, [{**row} for row in rows[attempt:]], table)
        racers = [threading.Thread(target=land, args=(n, source)) for n in range(3)]
        for racer in racers:
            racer.start()
        for racer in racers:
            racer.join()
    assert failures == []
    copy = on_disk(store, tmp_path / "copy")
    assert len(landed_rows(copy, table)) == sum(len(rows) - n for n in range(2))


def test_a_broken_claim_is_named(store: Store, tmp_path: Path) -> None:
    source = write_rows(tmp_path / "goods.csv", GOODS, "goods")
    with pytest.raises(KeyboardInterrupt):
        land_all(Dying(store), source)
    (claim,) = (key for key in store.list(PREFIX) if key.endswith(".claim"))
    store.write(claim, b"{")
    with pytest.raises(IngestError, match="is no claim of a batch; delete it"):
        land_all(store, source)
