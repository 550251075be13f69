"""Reading an Iceberg table with each engine, from nothing but the place of its metadata.

Belongs here: PyIceberg, Polars, DuckDB and Spark, each with its own way to files. Does not belong
here: what is read.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import duckdb
import polars as pl
import pytest
from pyiceberg.table import StaticTable

from tests.catalogs.servers import maven_jar

SPARK_RUNTIME = ("org.apache.iceberg", "iceberg-spark-runtime-4.0_2.13", "1.10.0")


def with_pyiceberg(place: str) -> pl.DataFrame:
    found = pl.from_arrow(StaticTable.from_metadata(place).scan().to_arrow())
    assert isinstance(found, pl.DataFrame)
    return found


def with_polars(place: str) -> pl.DataFrame:
    os.environ.setdefault("POLARS_ICEBERG_PLANNER", "pyiceberg")  # the other is a package more
    return pl.scan_iceberg(place, reader_override="native").collect()


def with_duckdb(place: str) -> pl.DataFrame:
    return _duckdb().execute("from iceberg_scan(?)", [place.removeprefix("file://")]).pl()


@cache
def _duckdb() -> duckdb.DuckDBPyConnection:
    """DuckDB with the extensions that lie in packages: nothing is downloaded."""
    folder = tempfile.mkdtemp(prefix="duckdb-extensions-")
    connection = duckdb.connect(config={"extension_directory": folder})
    for name in ("avro", "iceberg"):
        package = find_spec(f"duckdb_extension_{name}")
        assert package is not None and package.origin is not None
        home = Path(package.origin).parent / "extensions" / f"v{duckdb.__version__}"
        connection.execute(f"install '{home / name}.duckdb_extension'")
        connection.execute(f"load {name}")
    connection.execute("set TimeZone = 'UTC'")
    return connection


ENGINES: Mapping[str, Callable[[str], pl.DataFrame]] = {
    "pyiceberg": with_pyiceberg,
    "polars": with_polars,
    "duckdb": with_duckdb,
}


def with_spark(places: Mapping[str, str], folder: Path) -> dict[str, pl.DataFrame]:
    """Read tables with one Spark session: {name: place of its metadata}; skips without Spark."""
    sql = pytest.importorskip(
        "pyspark.sql", reason="pyspark 4.0, for which there is an Iceberg runtime, is not installed"
    )
    jar = maven_jar(*SPARK_RUNTIME)
    session = (
        sql.SparkSession.builder.master("local[2]")
        .config("spark.jars", str(jar))
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
        .getOrCreate()
    )
    try:
        for name, place in places.items():
            rows = session.read.format("iceberg").load(place)
            rows.coalesce(1).write.parquet(str(folder / name))
        return {name: pl.read_parquet(folder / name / "*.parquet") for name in places}
    finally:
        session.stop()


def same_rows(found: pl.DataFrame, expected: pl.DataFrame) -> bool:
    """Tell whether two frames hold the same rows in the columns of `expected`, in any order."""
    told = found.select(expected.columns)
    casts = [pl.col(name).cast(kind) for name, kind in expected.schema.items()]
    mine = told.select(casts).hash_rows(seed=1).sort()
    return mine.equals(expected.hash_rows(seed=1).sort())
