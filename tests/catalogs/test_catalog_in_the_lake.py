"""The default catalog, a file in the lake: bronze, failures, and lakes that move or restart."""

from __future__ import annotations

import datetime as dt
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from blocks.iceberg.tables import IcebergTables
from tasks.catalog_steps import followed
from tasks.contracts.errors import CatalogError
from tasks.iceberg_expiry import expire
from tasks.maintenance import clear_up
from tasks.releases import list_releases
from tasks.specs import load_spec
from tests.catalogs.conftest import shop_at
from tests.catalogs.shop import Shop

DAY = dt.date(2024, 1, 1)


def numbers(*values: int) -> pl.DataFrame:
    return pl.DataFrame({"n": list(values)})


def test_bronze_of_two_kinds_stands_in_two_tables(local_shop: Shop) -> None:
    shop = local_shop
    shop.land("orders", "ingest_dt=2024-01-01", pl.DataFrame({"order_id": ["1"], "n": ["10"]}))
    shop.publish()
    shop.sync()
    shop.land("orders", "ingest_dt=2024-01-02", pl.DataFrame({"order_id": ["2"], "n": [20]}))
    shop.publish()
    assert shop.sync().left_out == {}
    shop.land("orders", "ingest_dt=2024-01-03", pl.DataFrame({"order_id": ["3"], "n": ["30"]}))
    shop.publish()
    assert shop.sync().left_out == {}
    assert shop.names() == ["bronze.orders", "bronze.orders__typed"]
    assert sorted(shop.rows("bronze.orders").column("n").to_pylist()) == ["10", "30"]
    assert shop.rows("bronze.orders__typed").column("n").to_pylist() == [20]
    assert shop.sync().changed == 0


def test_bronze_whose_folders_do_not_say_what_its_rows_do_is_not_partitioned(
    local_shop: Shop,
) -> None:
    shop = local_shop
    for kind in ("Toys", "Books"):
        rows = pl.DataFrame({"category": [kind, kind.lower()], "name": ["a", "b"]})
        shop.land("products", f"category={kind}", rows)
    shop.land("tags", "kind=x", pl.DataFrame({"kind": ["x", "x"]}))
    shop.publish()
    shop.sync()
    assert shop.about("bronze.products").spec().is_unpartitioned()
    assert shop.rows("bronze.products").num_rows == 4
    assert [str(f.name) for f in shop.about("bronze.tags").spec().fields] == ["kind"]


def test_a_table_that_iceberg_cannot_hold_is_named_and_the_others_are_shown(
    local_shop: Shop,
) -> None:
    shop = local_shop
    odd = pl.DataFrame({"a": [1], "at": pl.Series([dt.time(1, 2)])})
    shop.land("odd", "ingest_dt=2024-01-01", odd)
    shop.write("gold.fct", {"part": numbers(1)})
    shop.publish()
    synced = shop.sync()
    assert list(synced.left_out) == ["bronze.odd"]
    assert "column at: Iceberg tables hold no TIME64[NS]" in synced.left_out["bronze.odd"]
    assert shop.names() == ["gold.fct"]
    assert shop.shown() == 1


def test_a_file_that_is_gone_leaves_its_table_as_it_was(local_shop: Shop) -> None:
    shop = local_shop
    shop.land("orders", "ingest_dt=2024-01-01", pl.DataFrame({"order_id": ["1"]}))
    shop.publish()
    shop.sync()
    shop.land("orders", "ingest_dt=2024-01-02", pl.DataFrame({"order_id": ["2"]}))
    shop.publish()
    (gone,) = shop.lake.bronze.list(f"{shop.pipeline}/orders/ingest_dt=2024-01-02")
    shop.lake.bronze.delete([gone])
    assert gone in shop.sync().left_out["bronze.orders"]
    assert shop.rows("bronze.orders").num_rows == 1


@pytest.mark.parametrize("how", ["moved", "copied"])
def test_a_lake_that_moves_takes_its_catalog_along(
    local_shop: Shop, tmp_path: Path, how: str
) -> None:
    local_shop.write("gold.fct", {"part": numbers(1, 2)})
    local_shop.publish()
    local_shop.sync()
    old, new = local_shop.lake.control.local_path(""), tmp_path / "elsewhere"
    assert old is not None
    before = local_shop.about("gold.fct").metadata_location
    if how == "moved":
        shutil.move(old, new)
    else:
        shutil.copytree(old, new)
    moved = shop_at(new, {"kind": "sqlite"}, local_shop.pipeline)
    moved.sync()
    assert moved.rows("gold.fct").column("n").to_pylist() == [1, 2]
    assert str(new) in moved.about("gold.fct").metadata_location
    if how == "copied":
        assert local_shop.about("gold.fct").metadata_location == before


def test_two_lakes_cannot_share_a_name_in_a_catalog(
    make_shop: Callable[[dict[str, Any]], Shop], tmp_path: Path
) -> None:
    shared = {"kind": "sqlite", "database": str(tmp_path / "shared.db")}
    one = make_shop(shared)
    other = shop_at(tmp_path / "other", shared, one.pipeline)
    for shop in (one, other):
        shop.write("gold.fct", {"part": numbers(1)})
        shop.publish()
    one.sync()
    with pytest.raises(CatalogError, match="a catalog or a warehouse of its own"):
        other.sync()


def test_a_table_replaced_again_and_again_stays_as_quick_to_replace(local_shop: Shop) -> None:
    shop = local_shop
    days = {f"2024-01-0{day}": pl.DataFrame({"dt": [dt.date(2024, 1, day)]}) for day in (1, 2)}
    shop.write("silver.days", {day: rows.with_columns(n=0) for day, rows in days.items()}, "dt")
    for number in range(1, 6):
        shop.write("gold.whole", {"all": numbers(number)})
        shop.keep_with("silver.days", {"2024-01-01": days["2024-01-01"].with_columns(n=number)})
        shop.publish()
        shop.sync()
    for name, listing in (("gold.whole", 1), ("silver.days", 2)):
        table = shop.about(name)
        manifests = table.current_snapshot().manifests(table.io)
        assert sum(m.has_added_files() or m.has_existing_files() for m in manifests) == listing
        assert len(manifests) == listing + 1, "only what the last commit took out is told of"
    assert all(shop.is_shown(number) for number in range(1, 6))
    assert sorted(shop.rows("silver.days", 4).column("n").to_pylist()) == [0, 4]


def test_a_lake_that_begins_anew_leaves_the_history_of_the_one_before(local_shop: Shop) -> None:
    shop = local_shop
    for n in (1, 2, 3):
        shop.write("gold.fct", {"part": numbers(n)})
        shop.publish()
        shop.sync()
    control = shop.lake.control.local_path(shop.pipeline)
    assert control is not None
    (control / "_latest.json").unlink()
    shutil.rmtree(control / "_releases")
    shop.write("gold.fct", {"part": numbers(9)})
    shop.publish()
    shop.sync()
    assert set(shop.about("gold.fct").refs()) == {"main", "release-1"}
    assert shop.rows("gold.fct", 1).column("n").to_pylist() == [9]


def test_metadata_that_was_deleted_is_made_anew(local_shop: Shop) -> None:
    shop = local_shop
    shop.write("gold.fct", {"part": numbers(1)})
    shop.publish()
    shop.sync()
    folder = shop.lake.control.local_path(f"{shop.pipeline}/_iceberg")
    assert folder is not None
    shutil.rmtree(folder)
    shop.sync()
    assert shop.rows("gold.fct").num_rows == 1


def test_what_is_published_stays_so_without_a_catalog(local_shop: Shop) -> None:
    shop = local_shop
    shop.write("gold.fct", {"part": numbers(1)})
    shop.publish()
    dead = {"kind": "rest", "uri": "http://127.0.0.1:9"}
    lost = shop_at(Path(shop.settings.lake_root), dead, shop.pipeline)
    told = followed(lost.pipeline, lost.lake, lost.settings)
    assert told.release is None
    assert "the Iceberg catalog: ConnectionError" in told.problem
    assert followed(shop.pipeline, shop.lake, shop.settings).release == 1


@pytest.mark.parametrize("silent", ["uri", "token_uri"])
def test_a_server_that_is_silent_is_given_up(
    local_shop: Shop, monkeypatch: pytest.MonkeyPatch, silent: str
) -> None:
    monkeypatch.setattr("blocks.iceberg.patient_rest.PATIENCE_SECONDS", 0.3)
    local_shop.write("gold.fct", {"part": numbers(1)})
    local_shop.publish()
    with socket.create_server(("127.0.0.1", 0)) as deaf:  # it takes calls and answers none
        address = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        catalog: dict[str, Any] = {"kind": "rest", "uri": "http://127.0.0.1:9", silent: address}
        if silent == "token_uri":
            catalog |= {name: SecretStr("canary") for name in ("client_id", "client_secret")}
        shop = shop_at(Path(local_shop.settings.lake_root), catalog, local_shop.pipeline)
        told = followed(shop.pipeline, shop.lake, shop.settings)
    assert "the Iceberg catalog: ReadTimeout" in told.problem
    assert "canary" not in told.problem


KILLED = """
import os, signal, sys
from blocks.settings import Settings
from blocks.stores.local import LocalStore
from tasks.iceberg_sync import sync

root, pipeline, left = sys.argv[1], sys.argv[2], int(sys.argv[3])
write = LocalStore.write

def dies(self, key, content):
    global left
    write(self, key, content)
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)

LocalStore.write = dies
lake = {"kind": "local", "root": root}
settings = Settings.model_validate({"environment": "local", "lake": lake})
sync(settings.lake(), settings, pipeline)
"""


@pytest.mark.parametrize("writes", [2, 6])
def test_a_sync_that_is_killed_is_made_good(local_shop: Shop, writes: int) -> None:
    """Each commit writes a manifest, a list of them and the metadata, then asks the catalog."""
    shop = local_shop
    for number in (1, 2):
        for name in ("gold.a", "gold.b"):
            shop.write(name, {"part": numbers(number)})
        shop.publish()
        if number == 1:
            shop.sync()
    call = [sys.executable, "-c", KILLED, shop.settings.lake_root, shop.pipeline, str(writes)]
    assert subprocess.run(call, check=False).returncode == -signal.SIGKILL
    assert shop.shown() == 1
    assert shop.is_shown(1)
    assert shop.sync().release == 2
    assert shop.is_shown(2)
    assert shop.shown() == 2


def test_no_file_goes_while_the_catalog_cannot_forget_it(
    local_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = local_shop
    shop.pipeline = "clickstream"
    for n in (1, 2):
        shop.write("gold.fct", {"part": numbers(n)})
        shop.publish()
        shop.sync()
    spec, later = load_spec("clickstream"), dt.datetime.now(dt.UTC) + dt.timedelta(days=3000)
    (old,) = shop.files_of(1, "gold.fct")

    def forget(retained: Any) -> None:
        expire(shop.lake, shop.settings, shop.pipeline, retained, edge=later)

    def refuse(*_: Any) -> None:
        raise CatalogError("it is not there")

    call = {"now": later, "grace": dt.timedelta(hours=1), "forget": forget}
    with monkeypatch.context() as patched, pytest.raises(CatalogError):
        patched.setattr(IcebergTables, "expire", refuse)
        clear_up(shop.lake, spec, **call)
    assert Path(old).is_file()
    clear_up(shop.lake, spec, **call)
    assert not Path(old).exists()
    assert set(shop.about("gold.fct").refs()) == {"main", "release-2"}
    for snapshot in shop.about("gold.fct").snapshots():
        listed = shop.about("gold.fct").scan(snapshot_id=snapshot.snapshot_id).plan_files()
        assert all(Path(t.file.file_path.removeprefix("file://")).is_file() for t in listed)


STEPS = st.lists(st.sampled_from(["publish", "roll back", "sync", "dies", "expire"]), max_size=7)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS)
def test_every_tag_of_a_retained_release_lists_its_files(
    make_shop: Callable[[dict[str, Any]], Shop], steps: list[str]
) -> None:
    """Whatever is published, rolled back, cut off or forgotten, and synced or not."""
    shop = make_shop({"kind": "sqlite"})
    shop.write("silver.a", {"2024-01-01": pl.DataFrame({"dt": [DAY], "n": [0]})}, cut="dt")
    shop.write("gold.b", {"part": numbers(0)})
    shop.publish()
    shop.sync()
    for number, step in enumerate(steps, 1):
        _take(shop, number, step)
        shown = shop.shown()
        assert shown is not None
        assert shop.is_shown(shown)
    current = list_releases(shop.lake, shop.pipeline)[-1].release
    assert shop.sync().release == current
    assert shop.is_shown(current)
    for name in ("silver.a", "gold.b"):
        assert shop.listed(name) == shop.files_of(current, name)
        for tag in (t for t in shop.about(name).refs() if t.startswith("release-")):
            release = int(tag.removeprefix("release-"))
            assert shop.listed(name, release) == shop.files_of(release, name)


def _take(shop: Shop, number: int, step: str) -> None:
    if step == "publish":
        day = DAY + dt.timedelta(days=number % 3)
        rows = pl.DataFrame({"dt": [day], "n": [number]})
        shop.keep_with("silver.a", {day.isoformat(): rows})
        more = {f"c{number}": [1.0]} if number % 2 else {}
        shop.write("gold.b", {"part": pl.DataFrame({"n": [number], **more})})
        shop.publish()
    elif step == "roll back":
        history = list_releases(shop.lake, shop.pipeline)
        if len(history) > 1:
            shop.roll_back(history[number % (len(history) - 1)].release)
    elif step == "dies":
        _die(shop)
    elif step == "expire":
        now = list_releases(shop.lake, shop.pipeline)[-1].release
        expire(shop.lake, shop.settings, shop.pipeline, {now}, edge=dt.datetime.now(dt.UTC))
    else:
        shop.sync()


def _die(shop: Shop) -> None:
    """Sync, and be killed after the first commit."""
    commit, commits = IcebergTables.commit, []

    def dies(*arguments: Any, **options: Any) -> None:
        commit(*arguments, **options)
        commits.append(arguments)
        raise KeyboardInterrupt

    IcebergTables.commit = dies  # type: ignore[method-assign]
    try:
        shop.sync()
    except KeyboardInterrupt:
        assert commits
    finally:
        IcebergTables.commit = commit  # type: ignore[method-assign]
