"""Runs of an environment that loads a warehouse, with a stand-in for BigQuery.

Belongs here: what a run, one that fails after its publish, and `sync` leave in the warehouse. Does
not belong here: which partitions a load replaces (`test_loading.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from blocks.lake import local_lake
from blocks.warehouse_settings import BigQuerySettings
from tasks.contracts.errors import BuildError
from tasks.contracts.release import Release
from tasks.releases import read_release
from tests.warehouse.stand_in import BigQueryStandIn, RefusedError

DAY = date(2024, 1, 6)
SETTINGS: dict[str, Any] = {"load_warehouse": True, "retries": 0, "sync_catalog": False}


@pytest.fixture
def environment(
    bigquery: tuple[BigQueryStandIn, BigQuerySettings], monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """What the file of environment `shop` says; tests may change it."""
    _, found = bigquery
    said = {**SETTINGS, "warehouse": found.model_dump(exclude_none=True)}
    monkeypatch.setattr("blocks.settings.read_environment", lambda *_: said)
    return said


def lake_rows(lake: Path, release: Release, table: str) -> list[tuple[Any, ...]]:
    store = local_lake(lake).store_of(table.partition(".")[0])
    files = [str(store.path(file.path)) for file in release.tables[table].files]
    return sorted(duckdb.read_parquet(files).fetchall(), key=repr)


def warehouse_rows(server: BigQueryStandIn, table: str) -> list[tuple[Any, ...]]:
    layer, _, name = table.partition(".")
    return sorted(server.rows(f"from medallion_ecommerce_{layer}.{name}"), key=repr)


def same(one: list[tuple[Any, ...]], other: list[tuple[Any, ...]]) -> bool:
    """Whether rows agree; moments by their time in UTC, however they are written."""

    def plain(value: Any) -> Any:
        return value.replace(tzinfo=None) if getattr(value, "tzinfo", None) else value

    def rows(found: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        return sorted((tuple(map(plain, row)) for row in found), key=repr)

    return rows(one) == rows(other)


def check_a_failing_test_changes_nothing(server: BigQueryStandIn, lake: Path) -> None:
    """A data test that fails in the warehouse leaves its readers what they have, and is named."""
    from flows.sync import sync_warehouse

    before = server.rows("from other_ecommerce_gold.fct_finance_revenue order by all")
    server.rows("delete from other_ecommerce_control._releases where event = 'gold'")
    server.rows("update other_ecommerce_silver.orders set net_total = net_total + 1")
    server.rows("update other_ecommerce_enriched.regional_financials set net_revenue = 0")
    with pytest.raises(BuildError, match="test net_revenue_agrees"):
        sync_warehouse("ecommerce", lake=str(lake), environment="shop")
    assert server.rows("from other_ecommerce_gold.fct_finance_revenue order by all") == before


@pytest.mark.slow
def test_a_run_loads_what_it_publishes_and_the_next_one_what_it_could_not(
    bigquery: tuple[BigQueryStandIn, BigQuerySettings],
    environment: dict[str, Any],
    run_flow: Callable[..., Any],
    own_lake: Path,
    small_bronze: Path,
) -> None:
    from flows.run import RunFailedError
    from flows.sync import sync_warehouse
    from tasks.reports.run_verdict import consequence, headline

    server, settings = bigquery
    lake = local_lake(own_lake)

    def run() -> Any:
        return run_flow(own_lake, DAY, bronze=small_bronze, environment="shop")

    # The warehouse breaks down in the middle of the load: the release stands, and the run says so.
    server.refusals["load"] = [None, RefusedError(403, "accessDenied", "no room left")]
    with pytest.raises(RunFailedError) as caught:
        run()
    record = caught.value.record
    assert (record.status, record.release) == ("failed", 2)
    assert "the warehouse answered 403: no room left" in str(record.error)
    assert settings.endpoint not in str(record.error)
    assert headline(record) == "Failed after release 2"
    assert consequence(record).startswith("Release 2 was published before the failure")
    assert read_release(lake, "ecommerce").release == 2
    assert [stage.status for stage in record.stages[-2:]] == ["done", "failed"]

    # The next run loads what is missing.
    done = run()
    assert (done.record.status, done.record.release) == ("published", 3)
    assert [stage.stage for stage in done.record.stages][-2:] == ["publish", "warehouse"]
    release = read_release(lake, "ecommerce")
    loaded = [name for name in release.shown if name.partition(".")[0] in ("enriched", "gold")]
    assert len(loaded) == 18
    for name in loaded:
        assert same(warehouse_rows(server, name), lake_rows(own_lake, release, name)), name
    events = server.rows("select event, release from medallion_ecommerce_control._releases")
    assert sorted(events) == [("begun", 2), ("begun", 3), ("loaded", 3)]

    # What shows the release is left alone.
    jobs = len(server.loads())
    summary = sync_warehouse("ecommerce", lake=str(own_lake), environment="shop")
    assert (summary.release, summary.tables, len(server.loads())) == (3, 0, jobs)

    # Gold of the warehouse: the same models give the same rows; the release says where they are.
    environment["gold_engine"] = "warehouse"
    environment["warehouse"]["dataset_prefix"] = "other"
    done = run()
    release_before, release = release, read_release(lake, "ecommerce")
    assert not [name for name in release.tables if name.startswith("gold.")]
    assert release.warehouse_gold is not None
    assert release.warehouse_gold.dataset == "other_ecommerce_gold"
    assert [stage.stage for stage in done.record.stages][-2:] == ["publish", "warehouse"]
    gates = {(gate.table, gate.check, gate.status) for gate in done.record.gates}
    assert ("fct_finance_revenue", "has_its_grain", "pass") in gates
    assert ("all", "net_revenue_agrees", "pass") in gates
    for name in release.warehouse_gold.tables:
        found = server.rows(f"from other_ecommerce_gold.{name.removeprefix('gold.')}")
        assert same(found, lake_rows(own_lake, release_before, name)), name
    counted = {table.table: table.rows_out for table in done.record.tables if table.layer == "gold"}
    assert set(counted) == set(release.warehouse_gold.tables)
    # Columns that tell who a person is stay in the lake.
    columns = server.rows(
        "select column_name from information_schema.columns "
        "where table_schema = 'other_ecommerce_silver'"
    )
    assert ("net_total",) in columns
    assert not {("email",), ("shipping_address",), ("billing_address",)} & set(columns)
    check_a_failing_test_changes_nothing(server, own_lake)
