"""Every engine reads from the catalog what a run has published, and they agree."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from pyiceberg.catalog.sql import SqlCatalog

from blocks.catalog_settings import RestSettings
from blocks.lake import local_lake
from blocks.settings import Settings, load_settings
from tasks.iceberg_sync import shown_release, sync
from tasks.releases import read_release, table_urls
from tasks.reports.catalog_lines import catalog_lines
from tests.catalogs.readers import ENGINES, same_rows, with_spark

pytestmark = pytest.mark.slow
PIPELINE = "ecommerce"
LAYERS = ("bronze", "dims", "enriched", "gold", "silver")
BY_SPARK = (
    "bronze.orders",
    "silver.orders",
    "silver.orders_quarantine",
    "gold.fct_daily_dashboard",
)


@pytest.fixture(scope="module")
def catalog(small_lake: Path) -> SqlCatalog:
    """The catalog as a stranger opens it, with pyiceberg's own files."""
    return SqlCatalog("medallion", uri=f"sqlite:///{small_lake}/catalog.db")


@pytest.fixture(scope="module")
def places(catalog: SqlCatalog) -> dict[str, str]:
    """{layer.table: place of its metadata} of all tables of the catalog."""
    return {
        f"{layer}.{identifier[-1]}": catalog.load_table(identifier).metadata_location
        for layer in LAYERS
        for identifier in catalog.list_tables((PIPELINE, layer))
    }


@pytest.fixture(scope="module")
def expected(small_lake: Path, small_bronze: Path) -> dict[str, pl.DataFrame]:
    """The rows that the release lists, bronze included."""
    lake = local_lake(small_lake, bronze=small_bronze)
    release = read_release(lake, PIPELINE)
    assert release.bronze_root == str(small_bronze)
    found = {
        name: pl.read_parquet(table_urls(lake, table), hive_partitioning=False)
        for name, table in release.shown.items()
    }
    for table, identities in release.bronze.items():
        keys = [identity.rsplit("|", 3)[0] for identity in identities]
        frames = [pl.read_parquet(small_bronze / key, hive_partitioning=False) for key in keys]
        found[f"bronze.{table}"] = pl.concat(frames, how="diagonal")
    return found


def test_the_catalog_has_every_table_of_the_release(
    catalog: SqlCatalog, places: dict[str, str], expected: dict[str, pl.DataFrame]
) -> None:
    told = catalog.load_namespace_properties(PIPELINE)
    assert told["medallion.release"] == "1"
    assert set(places) == set(expected)
    for name in places:
        table = catalog.load_table(f"{PIPELINE}.{name}")
        snapshot = table.current_snapshot()
        assert snapshot is not None and snapshot.summary is not None
        assert snapshot.summary["medallion.run-id"] == told["medallion.run-id"]
        assert table.refs()["release-1"].snapshot_id == snapshot.snapshot_id


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_reads_what_was_published(
    engine: str, places: dict[str, str], expected: dict[str, pl.DataFrame]
) -> None:
    read = ENGINES[engine]
    wrong = [name for name, rows in expected.items() if not same_rows(read(places[name]), rows)]
    assert wrong == []


def test_spark_reads_what_was_published(
    places: dict[str, str], expected: dict[str, pl.DataFrame], tmp_path: Path
) -> None:
    found = with_spark({name: places[name] for name in BY_SPARK}, tmp_path)
    assert [name for name in BY_SPARK if not same_rows(found[name], expected[name])] == []


def test_a_run_stays_published_when_the_catalog_is_down_and_a_sync_makes_good(
    run_flow: Callable[..., object],
    small_lake: Path,
    small_bronze: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = shutil.copytree(small_lake, tmp_path / "lake")
    with monkeypatch.context() as patched:
        down = RestSettings(uri="http://127.0.0.1:9")
        patched.setattr(Settings, "catalog_of", lambda *_: down)
        outcome = run_flow(own, date(2024, 1, 6), bronze=small_bronze)
    record = outcome.record  # type: ignore[attr-defined]
    assert (record.status, record.release) == ("published", 2)
    assert record.catalog.release is None
    told = "\n".join(catalog_lines(record))
    assert "do not see release 2 yet: ecommerce: the Iceberg catalog: ConnectionError" in told
    assert "`medallion sync ecommerce`" in told
    monkeypatch.setenv("MEDALLION_SYNC_CATALOG", "true")
    settings = load_settings(lake_root=str(own))
    assert shown_release(settings.lake(), settings, PIPELINE) == 1
    assert sync(settings.lake(), settings, PIPELINE).release == 2
    assert shown_release(settings.lake(), settings, PIPELINE) == 2
