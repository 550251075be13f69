"""What holds of the Iceberg tables of a pipeline, whichever catalog they stand in."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from blocks.iceberg.tables import IcebergTables
from tasks.contracts.errors import CatalogError
from tasks.iceberg_expiry import begin_anew, expire
from tests.catalogs.shop import START, Shop, parquet_files

FIRST, SECOND = dt.date(2024, 1, 1), dt.date(2024, 1, 2)
MONEY = pl.Decimal(18, 2)


def orders(day: dt.date | None, *keys: int, **more: Any) -> pl.DataFrame:
    """Orders of one day: a key, an amount, and constants."""
    amounts = [Decimal(key) / 10 for key in keys]
    rows = {"order_id": list(keys), "amount": amounts, "dt": [day] * len(keys)}
    schema = {"order_id": pl.Int64, "amount": MONEY, "dt": pl.Date}
    return pl.DataFrame(rows, schema=schema).with_columns(**{k: pl.lit(v) for k, v in more.items()})


def begun(shop: Shop) -> Shop:
    """Publish release 1: orders by day, and a fact."""
    shop.write("silver.orders", {"2024-01-01": orders(FIRST, 1, 2)}, cut="dt")
    shop.write("gold.fct_revenue", {"part": orders(FIRST, 3)})
    shop.publish()
    return shop


def keys_of(shop: Shop, name: str, release: int | None = None) -> list[int]:
    return sorted(shop.rows(name, release).column("order_id").to_pylist())


def test_a_release_stands_in_the_catalog_without_a_copy_of_its_data(shop: Shop) -> None:
    reasons = pl.DataFrame({"order_id": [9], "reasons": [["late", "odd"]]})
    shop.write("silver.orders_quarantine", {"part": reasons.clear()})
    shop.write("dims.customers", {"part": pl.DataFrame({"customer_id": ["c1"]})})
    shop.land("orders", "ingest_dt=2024-01-01", pl.DataFrame({"order_id": ["1", "2"]}))
    begun(shop)
    root = shop.lake.control.local_path("")
    assert root is not None
    before = parquet_files(root)
    synced = shop.sync()
    assert (synced.release, synced.tables, synced.left_out) == (1, 5, {})
    assert shop.shown() == 1
    expected = [
        "bronze.orders",
        "dims.customers",
        "gold.fct_revenue",
        "silver.orders",
        "silver.orders_quarantine",
    ]
    assert shop.names() == expected
    assert parquet_files(root) == before
    assert shop.is_shown(1)
    assert shop.rows("silver.orders").to_pylist() == [
        {"order_id": 1, "amount": Decimal("0.10"), "dt": FIRST},
        {"order_id": 2, "amount": Decimal("0.20"), "dt": FIRST},
    ]
    assert shop.rows("silver.orders_quarantine").num_rows == 0


def test_a_table_tells_release_run_partitions_and_field_ids(shop: Shop) -> None:
    begun(shop).sync()
    table = shop.about("silver.orders")
    summary = table.current_snapshot().summary
    assert summary["medallion.release"] == "1"
    assert summary["medallion.run-id"] == "20240101T030000Z-000000"
    (cut,) = table.spec().fields
    assert (cut.name, str(cut.transform)) == ("dt", "identity")
    told = {name: field.field_id for field in table.name_mapping() for name in field.names}
    assert told == {field.name: field.field_id for field in table.schema().fields}
    assert table.refs()["release-1"].snapshot_id == table.current_snapshot().snapshot_id
    only = table.scan(row_filter="dt = '2024-01-02'").plan_files()
    assert list(only) == []


def test_bronze_has_its_folders_as_partitions(shop: Shop) -> None:
    shop.land("orders", "ingest_dt=2024-01-01", pl.DataFrame({"order_id": ["1", "2"]}))
    shop.publish()
    shop.sync()
    shop.land("orders", "ingest_dt=__HIVE_DEFAULT_PARTITION__", pl.DataFrame({"order_id": ["3"]}))
    more = pl.DataFrame({"order_id": ["4"], "note": ["new"]})
    shop.land("orders", "ingest_dt=2024-01-02", more)
    shop.publish()
    shop.sync()
    rows = sorted(shop.rows("bronze.orders").to_pylist(), key=lambda row: row["order_id"])
    days = [(row["order_id"], row["ingest_dt"], row["note"]) for row in rows]
    assert days == [
        ("1", "2024-01-01", None),
        ("2", "2024-01-01", None),
        ("3", None, None),
        ("4", "2024-01-02", "new"),
    ]


def test_the_next_release_registers_what_is_new_and_keeps_the_rest(shop: Shop) -> None:
    begun(shop).sync()
    fact = shop.about("gold.fct_revenue").current_snapshot()
    shop.keep_with("silver.orders", {"2024-01-02": orders(SECOND, 3)})
    shop.publish()
    synced = shop.sync()
    assert (synced.release, synced.changed) == (2, 1)
    summary = shop.about("silver.orders").current_snapshot().summary
    assert (summary["added-data-files"], summary["deleted-data-files"]) == ("1", None)
    assert (summary["total-data-files"], summary["medallion.release"]) == ("2", "2")
    table = shop.about("gold.fct_revenue")
    assert table.current_snapshot() == fact
    assert table.refs()["release-2"].snapshot_id == fact.snapshot_id
    assert keys_of(shop, "silver.orders", 1) == [1, 2]
    assert keys_of(shop, "silver.orders", 2) == keys_of(shop, "silver.orders") == [1, 2, 3]
    shop.keep_with("silver.orders", {"2024-01-01": orders(FIRST, 7)})
    shop.publish()
    shop.sync()
    summary = shop.about("silver.orders").current_snapshot().summary
    assert (summary["added-data-files"], summary["deleted-data-files"]) == ("1", "1")
    assert keys_of(shop, "silver.orders") == [3, 7]
    assert all(shop.is_shown(number) for number in (1, 2, 3))


def test_syncing_again_commits_nothing(shop: Shop) -> None:
    begun(shop).sync()
    before = {name: shop.about(name).metadata_location for name in shop.names()}
    assert shop.sync().changed == 0
    assert {name: shop.about(name).metadata_location for name in shop.names()} == before


def test_a_rollback_points_to_the_snapshot_of_the_release_that_it_repeats(shop: Shop) -> None:
    begun(shop).sync()
    first = shop.about("silver.orders").current_snapshot().snapshot_id
    shop.write("silver.orders", {"2024-01-02": orders(SECOND, 5, extra="x")}, cut="dt")
    shop.publish()
    shop.sync()
    assert shop.rows("silver.orders").column_names == ["order_id", "amount", "dt", "extra"]
    shop.roll_back(to=1)
    shop.sync()
    table = shop.about("silver.orders")
    assert table.current_snapshot().snapshot_id == first == table.refs()["release-3"].snapshot_id
    assert shop.rows("silver.orders").column_names == ["order_id", "amount", "dt"]
    assert keys_of(shop, "silver.orders") == [1, 2]
    assert shop.rows("silver.orders", 2).column("extra").to_pylist() == ["x"]
    assert shop.shown() == 3


def test_a_release_that_the_catalog_has_never_shown_can_come_back_too(shop: Shop) -> None:
    begun(shop)
    shop.keep_with("silver.orders", {"2024-01-02": orders(SECOND, 3)})
    shop.publish()
    shop.sync()
    shop.roll_back(to=1)
    shop.sync()
    assert keys_of(shop, "silver.orders") == [1, 2]
    assert set(shop.about("silver.orders").refs()) == {"main", "release-2", "release-3"}


def test_columns_come_grow_and_go(shop: Shop) -> None:
    begun(shop).sync()
    narrow = pl.DataFrame({"n": pl.Series([1], dtype=pl.Int32), "x": ["a"]})
    shop.write("gold.fct_revenue", {"part": narrow})
    shop.publish()
    shop.sync()
    wide = pl.DataFrame({"n": pl.Series([1 << 40], dtype=pl.Int64), "y": [True]})
    shop.write("gold.fct_revenue", {"part": wide})
    shop.publish()
    shop.sync()
    assert shop.rows("gold.fct_revenue").to_pylist() == [{"n": 1 << 40, "y": True}]
    assert shop.rows("gold.fct_revenue", 2).to_pylist() == [{"n": 1, "x": "a"}]


def test_a_column_of_another_type_cuts_history_off_rather_than_show_nulls(shop: Shop) -> None:
    begun(shop).sync()
    told = orders(FIRST, 1).with_columns(order_id=pl.col("order_id").cast(pl.String))
    shop.write("gold.fct_revenue", {"part": told})
    shop.publish()
    shop.sync()
    table = shop.about("gold.fct_revenue")
    assert set(table.refs()) == {"main", "release-2"}
    assert len(table.snapshots()) == 1
    assert shop.rows("gold.fct_revenue").column("order_id").to_pylist() == ["1"]
    shop.roll_back(to=1)
    shop.sync()
    assert keys_of(shop, "gold.fct_revenue") == [3]
    assert shop.is_shown(3)


def test_a_table_that_a_release_lacks_is_empty_and_keeps_its_history(shop: Shop) -> None:
    begun(shop).sync()
    del shop.tables["gold.fct_revenue"]
    shop.publish()
    assert shop.sync().tables == 1
    assert shop.rows("gold.fct_revenue").num_rows == 0
    assert keys_of(shop, "gold.fct_revenue", 1) == [3]
    assert "release-2" not in shop.about("gold.fct_revenue").refs()


def test_a_sync_that_dies_is_completed_by_the_next_and_readers_see_whole_releases(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun(shop).sync()
    for name, rows in (("silver.orders", orders(FIRST, 5)), ("gold.fct_revenue", orders(FIRST, 6))):
        shop.write(name, {"2024-01-01" if name == "silver.orders" else "part": rows})
    shop.publish()
    commit, commits = IcebergTables.commit, []

    def dies(*arguments: Any, **options: Any) -> None:
        if len(commits) == 1:
            raise KeyboardInterrupt
        commits.append(arguments)
        commit(*arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(IcebergTables, "commit", dies)
        with pytest.raises(KeyboardInterrupt):
            shop.sync()
    assert shop.shown() == 1
    assert shop.is_shown(1)
    assert keys_of(shop, "silver.orders", 1) == [1, 2]
    assert shop.sync().release == 2
    assert shop.shown() == 2
    assert shop.is_shown(2)
    assert keys_of(shop, "gold.fct_revenue") == [6]


def test_syncs_at_once_converge(shop: Shop) -> None:
    begun(shop).sync()
    shop.keep_with("silver.orders", {"2024-01-02": orders(SECOND, 3)})
    shop.publish()
    failures: list[BaseException] = []

    def run(act: Callable[[], object]) -> None:
        try:
            act()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(shop.sync,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert shop.shown() == 2
    assert shop.is_shown(2)
    files = [t.file.file_path for t in shop.about("silver.orders").scan().plan_files()]
    assert len(files) == len(set(files)) == 2


def test_what_others_write_to_a_table_is_replaced(shop: Shop) -> None:
    begun(shop).sync()
    with shop.opened() as tables:
        loaded = tables.load("silver", "orders", shop.place("silver.orders"))
        assert loaded is not None
        loaded.table.delete("order_id = 1")
    assert keys_of(shop, "silver.orders") == [2]
    shop.sync()
    assert keys_of(shop, "silver.orders") == [1, 2]
    assert shop.is_shown(1)


def test_history_is_kept_to_the_retention(shop: Shop) -> None:
    begun(shop).sync()
    for number, keys in ((2, (5,)), (3, (6, 7))):
        shop.write("silver.orders", {"2024-01-01": orders(FIRST, *keys)}, cut="dt")
        if number == 3:
            del shop.tables["gold.fct_revenue"]
        shop.publish()
        shop.sync()
    long_after = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    expire(shop.lake, shop.settings, shop.pipeline, {2, 3}, edge=START)
    orders_table = shop.about("silver.orders")
    assert set(orders_table.refs()) == {"main", "release-2", "release-3"}
    assert len(orders_table.snapshots()) == 2
    assert [keys_of(shop, "silver.orders", n) for n in (2, 3)] == [[5], [6, 7]]
    assert keys_of(shop, "gold.fct_revenue", 2) == [3]
    expire(shop.lake, shop.settings, shop.pipeline, {3}, edge=long_after)
    assert "gold.fct_revenue" not in shop.names()
    assert keys_of(shop, "silver.orders") == [6, 7]
    (snapshot,) = shop.about("silver.orders").snapshots()
    assert snapshot.summary["medallion.release"] == "3"
    prefix = shop.lake.iceberg_prefix(shop.pipeline, "silver", "orders")
    kept = {f"file://{shop.lake.control.url(key)}" for key in shop.lake.control.list(prefix)}
    with shop.opened() as tables:
        loaded = tables.load("silver", "orders", shop.place("silver.orders"))
        assert loaded is not None
        assert {_slashes(place) for place in tables.metadata_files(loaded)} == kept
    assert (
        shop.lake.control.list(shop.lake.iceberg_prefix(shop.pipeline, "gold", "fct_revenue")) == []
    )
    assert shop.sync().changed == 0


def _slashes(location: str) -> str:
    """Java writes `file:/x` for `file:///x`, and a path without a scheme is one too."""
    return f"file:///{location.removeprefix('file:').lstrip('/')}"


def test_tables_can_be_made_anew_without_their_history(shop: Shop) -> None:
    begun(shop).sync()
    shop.write("gold.fct_revenue", {"part": orders(FIRST, 8)})
    shop.publish()
    shop.sync()
    begin_anew(shop.lake, shop.settings, shop.pipeline, {"gold.fct_revenue"})
    assert set(shop.about("silver.orders").refs()) == {"main", "release-1", "release-2"}
    table = shop.about("gold.fct_revenue")
    assert (set(table.refs()), len(table.snapshots())) == ({"main", "release-2"}, 1)
    assert shop.is_shown(2)
    assert shop.shown() == 2


def test_a_newer_release_is_not_taken_back_by_a_sync_that_is_late(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun(shop)
    late = shop.publish()
    shop.write("gold.fct_revenue", {"part": orders(FIRST, 8)})
    shop.publish()
    shop.sync()
    told = iter([late])
    real = __import__("tasks.releases").releases.read_release
    monkeypatch.setattr(
        "tasks.iceberg_sync.read_release", lambda *call: next(told, None) or real(*call)
    )
    assert shop.sync().release == 3
    assert keys_of(shop, "gold.fct_revenue") == [8]
    assert shop.shown() == 3


def test_a_catalog_that_refuses_is_told_without_a_traceback_or_a_secret(
    shop: Shop, request: pytest.FixtureRequest
) -> None:
    catalog = shop.settings.catalog
    assert catalog is not None
    if catalog.kind == "sqlite":
        path = shop.lake.control.local_path("catalog.db")
        assert path is not None
        path.mkdir(parents=True)
        wrong = catalog
    else:
        from pydantic import SecretStr

        held = {"password": SecretStr("canary")}
        if catalog.kind == "rest":
            held = {"client_id": SecretStr("x"), "client_secret": SecretStr("canary")}
        wrong = catalog.model_copy(update=held)
    begun(shop)
    shop.settings = shop.settings.model_copy(update={"catalog": wrong})
    with pytest.raises(CatalogError, match="the Iceberg catalog") as refused:
        shop.sync()
    assert "canary" not in str(refused.value)
