"""Loads of a lake into each kind of warehouse: one behaviour, whatever the backend.

Belongs here: what is replaced, counted and recorded, and what happens when that fails. Does not
belong here: the decisions (`tests/unit/test_warehouse_plan.py`), or runs (`test_runs.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from blocks.lake import local_lake
from blocks.warehouse import WarehouseError, WarehouseUnavailableError
from blocks.warehouse_settings import BigQuerySettings, DuckDbSettings, WarehouseSettings
from blocks.warehouses.opening import open_warehouse
from tasks.contracts.release import Release
from tasks.contracts.warehouse import WarehouseTable
from tasks.releases import publish, read_current
from tasks.specs import load_spec
from tasks.warehouse_load import WarehouseLoad, begin_load, end_load, load_table, write_rows
from tests.unit.release_builder import published, run_of
from tests.warehouse.conftest import load_all, opened
from tests.warehouse.stand_in import BigQueryStandIn, RefusedError

SPEC = load_spec("ecommerce")
DAILY, WHOLE = "enriched.sales_velocity", "enriched.inventory_risk"


class Shop:
    """A lake whose releases hold a daily table and one without days, of the amounts given."""

    def __init__(self, folder: Path, settings: WarehouseSettings) -> None:
        self.folder, self.settings = folder, settings
        self.lake, self.count = folder / "lake", 0

    def publish(self, amounts: dict[int, str], whole: str = "1.00", **more: Any) -> Release:
        """Publish: by day of January what was sold on it, to the cent."""
        self.count += 1
        run = run_of(SPEC, self.lake, f"run-{self.count}", date(2024, 1, 14))
        tables = {
            DAILY: published(run, DAILY, self._rows(amounts, **more), "product_dt"),
            WHOLE: published(run, WHOLE, self._rows({1: whole}).drop("product_dt"), None),
        }
        found = local_lake(self.lake)
        current = read_current(found, "ecommerce")
        release = Release(
            pipeline="ecommerce",
            release=self.count,
            previous=current.release,
            run_id=run.run_id,
            run_date=run.run_date,
            created_at=datetime(2024, 1, 14, tzinfo=UTC),
            spec_fingerprint="",
            tables=tables,
        )
        return publish(found, release, current)

    def load(self) -> WarehouseLoad:
        return opened(self.lake, self.settings, self.folder / "work")

    def sync(self) -> list[str]:
        """Load all; return what was replaced."""
        load = self.load()
        try:
            return load_all(load)
        finally:
            load.close()

    def held(self) -> dict[str | None, int]:
        """Rows by partition, as the warehouse counts them."""
        warehouse = open_warehouse(self.settings, "ecommerce")
        try:
            from tasks.releases import read_release
            from tasks.warehouse_plan import warehouse_table

            release = read_release(local_lake(self.lake), "ecommerce")
            return warehouse.counts(warehouse_table(DAILY, release.tables[DAILY]))
        finally:
            warehouse.close()

    def _rows(self, amounts: dict[int, str], **more: Any) -> pl.LazyFrame:
        schema = {
            "product_dt": pl.Date(),
            "amount": pl.Decimal(18, 2),
            "sold_at": pl.Datetime("us"),
            "share": pl.Float64(),
            "is_new": pl.Boolean(),
        }
        rows = [
            (date(2024, 1, day), Decimal(text), datetime(2024, 1, day, 23, 30), 0.5, None)  # noqa: DTZ001
            for day, text in amounts.items()
        ]
        frame = pl.DataFrame(rows, schema=schema, orient="row")
        return frame.with_columns(**{n: pl.lit(v) for n, v in more.items()}).lazy()


@pytest.fixture
def shop(settings: WarehouseSettings, tmp_path: Path) -> Shop:
    return Shop(tmp_path, settings)


@pytest.fixture
def bigquery_shop(
    bigquery: tuple[BigQueryStandIn, BigQuerySettings], tmp_path: Path
) -> Iterator[tuple[BigQueryStandIn, Shop]]:
    server, settings = bigquery
    yield server, Shop(tmp_path, settings)


def test_a_load_replaces_only_the_partitions_that_differ_and_nothing_twice(shop: Shop) -> None:
    shop.publish({1: "1.10", 2: "2.20", 3: "3.30"})
    assert shop.sync() == [f"{DAILY}$None", f"{WHOLE}$None"]
    assert shop.held() == {"20240101": 1, "20240102": 1, "20240103": 1}
    assert shop.sync() == []
    shop.publish({1: "1.10", 2: "9.99", 4: "4.40"})
    assert shop.sync() == [f"{DAILY}$20240102", f"{DAILY}$20240103", f"{DAILY}$20240104"]
    assert shop.held() == {"20240101": 1, "20240102": 1, "20240104": 1}
    shop.publish({1: "1.10", 2: "9.99", 4: "4.40"})  # other files with the same bytes
    assert shop.sync() == []
    assert shop.sync() == []


def test_a_load_that_died_is_repaired_by_the_next_one(shop: Shop) -> None:
    shop.publish({1: "1.10", 2: "2.20"})
    shop.sync()
    shop.publish({1: "7.77", 2: "8.88"})
    dying = shop.load()
    assert begin_load(dying)
    part = dying.tables[DAILY].parts[0]
    assert part.partition == "20240101"
    load_table(dying, DAILY)
    dying.close()
    shop.publish({1: "1.10", 2: "2.20"})  # as before the load that died
    assert shop.sync() == [f"{DAILY}$20240101", f"{DAILY}$20240102"]
    assert shop.sync() == []


def test_loads_side_by_side_end_with_the_current_release(
    bigquery_shop: tuple[BigQueryStandIn, Shop],
) -> None:
    server, shop = bigquery_shop
    shop.publish({1: "1.10"})
    shop.sync()
    shop.publish({1: "2.20"})
    slow = shop.load()
    begin_load(slow)
    shop.publish({1: "3.30"})
    shop.sync()
    load_table(slow, DAILY)  # an older release over a newer one
    end_load(slow)
    assert server.rows("select amount from medallion_ecommerce_enriched.sales_velocity") == [
        (Decimal("2.20"),)
    ]
    assert load_all(slow) == [f"{DAILY}$20240101"]  # what every load does at its end
    assert server.rows("select amount from medallion_ecommerce_enriched.sales_velocity") == [
        (Decimal("3.30"),)
    ]


def test_other_columns_make_a_table_anew(shop: Shop) -> None:
    shop.publish({1: "1.10", 2: "2.20"})
    shop.sync()
    shop.publish({1: "1.10", 2: "2.20"}, region="EU")
    assert shop.sync() == [f"{DAILY}$None"]
    assert shop.held() == {"20240101": 1, "20240102": 1}


def test_a_table_without_rows_is_loaded_and_filled_later(shop: Shop) -> None:
    shop.publish({})
    assert shop.sync() == [f"{DAILY}$None", f"{WHOLE}$None"]
    assert shop.held() == {}
    shop.publish({1: "1.10"})
    assert shop.sync() == [f"{DAILY}$20240101"]
    assert shop.held() == {"20240101": 1}


def test_the_schema_is_the_releases_and_money_is_numeric(
    bigquery_shop: tuple[BigQueryStandIn, Shop],
) -> None:
    server, shop = bigquery_shop
    shop.publish({1: "12345678901234.56"})
    shop.sync()
    job = next(
        job["configuration"]["load"]
        for job in server.jobs
        if "load" in job["configuration"]
        and job["configuration"]["load"]["destinationTable"]["tableId"] == "sales_velocity"
    )
    kinds = {field["name"]: field["type"] for field in job["schema"]["fields"]}
    assert kinds == {
        "product_dt": "DATE",
        "amount": "NUMERIC",
        "sold_at": "TIMESTAMP",
        "share": "FLOAT64",
        "is_new": "BOOL",
    }
    money = next(field for field in job["schema"]["fields"] if field["name"] == "amount")
    assert (int(money["precision"]), int(money["scale"])) == (18, 2)
    assert not job.get("autodetect")
    assert job["writeDisposition"] == "WRITE_TRUNCATE"
    assert job["timePartitioning"] == {"type": "DAY", "field": "product_dt"}
    (row,) = server.rows("from medallion_ecommerce_enriched.sales_velocity")
    assert row == (
        date(2024, 1, 1),
        Decimal("12345678901234.56"),
        datetime(2024, 1, 1, 23, 30, tzinfo=UTC),
        0.5,
        None,
    )


def test_lists_of_structs_are_loaded_and_a_table_of_another_note_is_another_one(
    settings: WarehouseSettings, tmp_path: Path
) -> None:
    listed = 'STRUCT("id" VARCHAR, "at" TIMESTAMP, "paid" DECIMAL(18,2))[]'
    table = WarehouseTable("gold", "report", {"master": "VARCHAR", "tasks": listed}, note="key 1")
    tasks = [{"id": "t1", "at": datetime(2024, 1, 1, tzinfo=UTC), "paid": Decimal("1.10")}]
    file = tmp_path / "rows.parquet"
    write_rows(pa.table({"master": ["m", "n"], "tasks": [tasks, []]}).to_batches(), table, file)
    warehouse = open_warehouse(settings, "shop")
    try:
        warehouse.create(table)
        assert warehouse.replace(table, None, file) == 2
        assert warehouse.counts(table) == {None: 2}
        assert warehouse.is_as(table)
        assert not warehouse.is_as(replace(table, note="key 2"))
        assert not warehouse.is_as(replace(table, columns={"master": "VARCHAR", "tasks": "DATE[]"}))
    finally:
        warehouse.close()


def test_rows_that_are_lost_on_the_way_are_noticed_and_loaded_again(
    bigquery_shop: tuple[BigQueryStandIn, Shop], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, shop = bigquery_shop
    shop.publish({1: "1.10", 2: "2.20"})
    truly = server._load

    def losing(load: dict[str, Any], content: bytes | None) -> dict[str, str]:
        done = truly(load, content)
        server.database.execute(
            "delete from medallion_ecommerce_enriched.sales_velocity where amount > 2"
        )
        return done

    with monkeypatch.context() as patch:
        patch.setattr(server, "_load", losing)
        with pytest.raises(WarehouseError, match=r"sales_velocity\$20240102: 0 rows, not 1"):
            shop.sync()
    assert server.rows("select event from medallion_ecommerce_control._releases") == [("begun",)]
    shop.sync()
    assert shop.held() == {"20240101": 1, "20240102": 1}


def test_a_warehouse_that_comes_back_is_asked_again(
    bigquery_shop: tuple[BigQueryStandIn, Shop],
) -> None:
    server, shop = bigquery_shop
    shop.publish({1: "1.10"})
    server.refusals["load"] = [RefusedError(503, "backendError", "come back")]
    server.refusals["query"] = [RefusedError(500, "internalError", "come back")]
    shop.sync()
    assert shop.held() == {"20240101": 1}


def test_errors_name_the_table_and_neither_address_nor_secret(
    bigquery_shop: tuple[BigQueryStandIn, Shop],
) -> None:
    server, shop = bigquery_shop
    shop.publish({1: "1.10"})
    server.refusals["load"] = [RefusedError(403, "accessDenied", "Access Denied: nobody")]
    with pytest.raises(WarehouseError) as caught:
        shop.sync()
    assert str(caught.value) == f"{DAILY}: the warehouse answered 403: Access Denied: nobody"
    assert not isinstance(caught.value, WarehouseUnavailableError)


def test_a_busy_duckdb_file_is_a_failure_for_the_time_being(tmp_path: Path) -> None:
    (tmp_path / "busy.duckdb").mkdir()
    with pytest.raises(WarehouseUnavailableError, match="the warehouse cannot be opened"):
        open_warehouse(DuckDbSettings(database=str(tmp_path / "busy.duckdb")), "ecommerce")
