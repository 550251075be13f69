"""Iceberg tables of a lake in buckets: read and written through the lake's own stores."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

from blocks.iceberg.lake_files import location_of
from blocks.iceberg.opening import iceberg_tables
from blocks.lake import Lake
from blocks.settings import Settings
from tasks.contracts.release import PublishedFile, PublishedTable, Release
from tasks.iceberg_expiry import expire
from tasks.iceberg_sync import sync, table_location
from tasks.releases import publish, read_current
from tests.stores.conftest import Backend


def published(lake: Lake, folder: Path, number: int) -> None:
    """Publish release `number`: a table of one file, with that many rows."""
    path, key = folder / f"{number}.parquet", f"shop/runs/r{number}/orders/2024-01-01-0.parquet"
    rows = pl.DataFrame({"n": range(number), "dt": [date(2024, 1, 1)] * number})
    rows.write_parquet(path)
    lake.gold.upload(path, key)
    content = path.read_bytes()
    file = PublishedFile(
        root="gold",
        path=key,
        rows=number,
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        partition={"dt": "2024-01-01"},
    )
    table = PublishedTable(
        rows=number,
        bytes=file.bytes,
        columns={"n": "BIGINT", "dt": "DATE"},
        partition_column="dt",
        files=(file,),
    )
    base = read_current(lake, "shop")
    release = Release(
        pipeline="shop",
        release=number,
        previous=base.release,
        run_id=f"r{number}",
        run_date=date(2024, 1, 1),
        created_at=datetime(2024, 1, number, tzinfo=UTC),
        spec_fingerprint="",
        tables={"gold.orders": table},
    )
    publish(lake, release, base)


def test_a_lake_in_buckets_stands_in_a_catalog(object_backend: Backend, tmp_path: Path) -> None:
    stores = {n: object_backend.open(object_backend.root(n)) for n in ("control", "bronze", "gold")}
    lake = Lake(**stores, silver=stores["gold"])
    catalog = {"kind": "sqlite", "database": str(tmp_path / "catalog.db")}
    settings = Settings.model_validate({"environment": "local", "catalog": catalog})
    for number in (1, 2):
        published(lake, tmp_path, number)
        assert sync(lake, settings, "shop").release == number
    assert sync(lake, settings, "shop").changed == 0
    assert settings.catalog is not None
    place = table_location(lake, "shop", "gold", "orders")
    assert place.startswith(("s3://control", "gs://control"))
    with iceberg_tables(settings.catalog, lake, "shop") as tables:
        loaded = tables.load("gold", "orders", place)
        assert loaded is not None
        for number in (1, 2):
            scan = loaded.table.scan(row_filter="dt = '2024-01-01'").use_ref(f"release-{number}")
            (task,) = scan.plan_files()
            key = f"shop/runs/r{number}/orders/2024-01-01-0.parquet"
            assert task.file.file_path == location_of(lake.gold, key)
            assert scan.to_arrow().column("n").to_pylist() == list(range(number))
    expire(lake, settings, "shop", {2}, edge=datetime(2200, 1, 1, tzinfo=UTC))
    kept = lake.control.list(lake.iceberg_prefix("shop", "gold", "orders"))
    with iceberg_tables(settings.catalog, lake, "shop") as tables:
        loaded = tables.load("gold", "orders", place)
        assert loaded is not None
        assert set(loaded.table.refs()) == {"main", "release-2"}
        found = tables.metadata_files(loaded)
    assert {location_of(lake.control, key) for key in kept} == found
