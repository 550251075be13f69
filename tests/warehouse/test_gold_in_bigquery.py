"""Gold as BigQuery would compute it: the same models, by dbt's own adapter, give the same rows.

Belongs here: the clickstream's models, in full and on a release, and what a failed build leaves.
Does not belong here: the shop's models (`test_runs.py`), those of retail and the fleet
(`moved_gold.py`, after whole runs in `tests/e2e`), or grammar (`tests/unit`).

dbt compiles each model for BigQuery; the stand-in parses it in that dialect, translates it by
sqlglot and runs it in DuckDB. No run builds gold in the warehouse on top of a release, but the
models can: their branches for that are tried here as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from blocks.warehouse_settings import BigQuerySettings
from blocks.warehouses.bigquery import BigQuery
from tasks.contracts.errors import BuildError
from tasks.contracts.warehouse import WarehouseTable
from tasks.dbt_runs import DbtEngine, DbtInputs, build
from tasks.published_files import duckdb_type
from tasks.specs import load_spec
from tasks.sql_text import select_of
from tasks.warehouse_gold import BUILDING
from tests.integration.random_events import FIRST_DAY, Row, Shop, write
from tests.warehouse.moved_gold import comparable
from tests.warehouse.stand_in import BigQueryStandIn

SPEC = load_spec("clickstream")
TABLES = [fact.name for fact in SPEC.gold]
SELECTED = ["path:models/clickstream/gold", "path:tests/reconciliation/clickstream"]


class Gold:
    """Builds of the clickstream's gold, each in DuckDB and in BigQuery."""

    def __init__(self, folder: Path, server: BigQueryStandIn, settings: BigQuerySettings) -> None:
        self.folder, self.server = folder, server
        self.warehouse = BigQuery(settings, "clickstream")

    def load(self, layer: str, name: str, file: Path) -> None:
        """Put the rows of a file in a table of the warehouse."""
        columns = {
            field.name: duckdb_type(field.type) for field in pl.read_parquet(file).to_arrow().schema
        }
        table = WarehouseTable(layer, name, columns)
        zoned = self.folder / "zoned.parquet"
        moments = pl.selectors.datetime()
        pl.read_parquet(file).with_columns(moments.dt.replace_time_zone("UTC")).write_parquet(zoned)
        self.warehouse.create(table)
        self.warehouse.replace(table, None, zoned)

    def native(self, name: str, selects: Mapping[str, list[str]], more: dict[str, Any]) -> Path:
        """Build in DuckDB; return where the tables are."""
        folder = self.folder / name
        build(
            DbtEngine(self.folder / "cache", folder / "work", threads=2, memory_limit="1GB"),
            SPEC,
            DbtInputs(selects, {f"gold.{t}": folder / t for t in TABLES}, more=more),
            run_id="test",
            run_date=date(2019, 12, 31),
            select=SELECTED,
            data_tests=False,
        )
        return folder

    def in_bigquery(self, more: dict[str, Any], *, data_tests: bool = True) -> set[str]:
        """Build in the warehouse; return the names of what dbt ran."""
        nodes = build(
            DbtEngine(self.folder / "cache", self.folder / "bq", threads=2, memory_limit="1GB"),
            SPEC,
            DbtInputs({}, {}, more=more),
            run_id="test",
            run_date=date(2019, 12, 31),
            select=SELECTED,
            data_tests=data_tests,
            target=self.warehouse.dbt_target(BUILDING),
        )
        return {node.name for node in nodes}

    def agree(self, native: Path) -> None:
        for table in TABLES:
            mine = pl.read_parquet(native / table / "*.parquet")
            rows = self.server.rows(f"from medallion_clickstream_{BUILDING}.{table}")
            assert comparable(rows) == comparable(mine.rows()), table


def silver(gold: Gold, name: str, rows: Iterable[Row]) -> Path:
    file = gold.folder / f"{name}.parquet"
    write(rows, file)
    return file


@pytest.fixture
def gold(bigquery: tuple[BigQueryStandIn, BigQuerySettings], tmp_path: Path) -> Gold:
    return Gold(tmp_path, *bigquery)


@pytest.mark.slow
def test_the_clickstreams_gold_is_the_same_in_full_and_on_a_release(gold: Gold) -> None:
    shop = Shop(1, users=40, products=15)
    shop.add(400, [*range(10), 13])
    before, as_of = shop.rows(), FIRST_DAY + timedelta(days=11)
    full = {"as_of": as_of.isoformat(), "base": None}
    old = silver(gold, "old", before)
    released = gold.native("first", {"silver.events_cleaned": [select_of([str(old)])]}, full)
    gold.load("silver", "events_cleaned", old)
    ran = gold.in_bigquery(full)
    assert {"clickstream_revenue_agrees", "daily_sales_summary_is_consistent", *TABLES} <= ran
    gold.agree(released)

    # On top of that release: further events of a known day, and of days after it.
    shop.add(150, [8, 12, 13])
    known = {row["event_id"] for row in before}
    later = {
        "as_of": (FIRST_DAY + timedelta(days=13)).isoformat(),
        "base": {"dates": [(FIRST_DAY + timedelta(days=8)).isoformat()]},
    }
    inputs = {
        "silver.events_cleaned": silver(gold, "new", shop.rows()),
        "previous.events_cleaned": old,
        # Events of a day after the last that counted are new to gold, too.
        "added.events_cleaned": silver(
            gold,
            "added",
            [
                row
                for row in shop.rows()
                if row["event_id"] not in known or row["event_date"] > as_of
            ],
        ),
        "removed.events_cleaned": silver(gold, "removed", []),
        **{f"previous.{table}": released / table / "*.parquet" for table in TABLES},
    }
    merged = gold.native(
        "second", {name: [select_of([str(file)])] for name, file in inputs.items()}, later
    )
    gold.load("silver", "events_cleaned", inputs.pop("silver.events_cleaned"))
    for name, file in inputs.items():
        gold.server.database.execute(f"create schema if not exists {name.partition('.')[0]}")
        gold.server.database.execute(f"create table {name} as from '{file}'")
    gold.in_bigquery(later, data_tests=False)
    gold.agree(merged)


@pytest.mark.slow
def test_a_model_that_fails_in_the_warehouse_is_named(gold: Gold) -> None:
    with pytest.raises(BuildError, match=r"model recomputed_dates: (.|\n)*events_cleaned"):
        gold.in_bigquery({"as_of": None, "base": None})
