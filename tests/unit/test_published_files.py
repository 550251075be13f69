"""Published files: what a release says of them is what lies on the disk."""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pytest

from blocks.stores.local import LocalStore
from tasks.published_files import describe_table, duckdb_type, flatten_partitions
from tasks.sql_text import select_of

ROWS = pl.DataFrame(
    {
        "id": [1, 2, 3],
        "name": ["a", None, "c"],
        "total": [Decimal("1.00"), None, Decimal("3.50")],
        "rate": [0.5, None, 1.5],
        "is_new": [True, None, False],
        "dt": [date(2024, 1, 1), date(2024, 1, 1), date(2024, 1, 2)],
        "at": [datetime(2024, 1, 1, 12), None, None],  # noqa: DTZ001 - as published: naive, UTC
        "reasons": [["x", "y"], None, []],
    },
    schema_overrides={"total": pl.Decimal(18, 2), "at": pl.Datetime("us")},
)
COLUMNS = {
    "id": "BIGINT",
    "name": "VARCHAR",
    "total": "DECIMAL(18,2)",
    "rate": "DOUBLE",
    "is_new": "BOOLEAN",
    "dt": "DATE",
    "at": "TIMESTAMP",
    "reasons": "VARCHAR[]",
}


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def write_cut_by_day(folder: Path, rows: pl.DataFrame = ROWS) -> None:
    """Write as a published dbt model does: cut by a folder of the value, without its column."""
    folder.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        connection.register("rows", rows.to_arrow())
        connection.execute(
            f"copy (select *, strftime(dt, '%Y-%m-%d') as _partition from rows) to '{folder}' "
            "(format parquet, partition_by (_partition), overwrite_or_ignore true)"
        )


def test_a_file_is_described_as_it_is(store: LocalStore, tmp_path: Path) -> None:
    path = tmp_path / "p" / "runs" / "r" / "orders" / "part-0.parquet"
    path.parent.mkdir(parents=True)
    ROWS.write_parquet(path)
    table = describe_table(store, "silver", "p/runs/r/orders", key=("id",))
    assert table.columns == COLUMNS
    assert list(table.columns) == list(COLUMNS)
    assert (table.rows, table.bytes) == (3, path.stat().st_size)
    assert (table.key, table.partition_column) == (("id",), None)
    (file,) = table.files
    assert (file.root, file.path) == ("silver", "p/runs/r/orders/part-0.parquet")
    assert (file.rows, file.bytes) == (3, path.stat().st_size)
    assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert file.partition == {}


def test_a_neighbour_with_a_longer_name_is_not_taken_for_the_table(
    store: LocalStore, tmp_path: Path
) -> None:
    for name in ("orders", "orders_quarantine"):
        (tmp_path / name).mkdir()
        ROWS.write_parquet(tmp_path / name / "part-0.parquet")
    assert [file.path for file in describe_table(store, "silver", "orders").files] == [
        "orders/part-0.parquet"
    ]


def test_cut_files_are_named_by_their_value_and_listed_with_it(
    store: LocalStore, tmp_path: Path
) -> None:
    folder = tmp_path / "orders"
    write_cut_by_day(folder)
    flatten_partitions(folder)
    assert sorted(p.name for p in folder.iterdir()) == [
        "2024-01-01-0.parquet",
        "2024-01-02-0.parquet",
    ]
    table = describe_table(store, "silver", "orders", partition_column="dt")
    assert [(f.partition, f.rows) for f in table.files] == [
        ({"dt": "2024-01-01"}, 2),
        ({"dt": "2024-01-02"}, 1),
    ]
    assert (table.rows, table.partition_column, table.columns) == (3, "dt", COLUMNS)
    read = duckdb.sql(select_of([store.url(f.path) for f in table.files]))
    assert read.columns == list(COLUMNS)


def test_several_files_of_one_value_are_numbered(store: LocalStore, tmp_path: Path) -> None:
    for number in range(2):
        folder = tmp_path / "orders" / "_partition=2024-01"
        folder.mkdir(parents=True, exist_ok=True)
        ROWS.write_parquet(folder / f"data_{number}.parquet")
    flatten_partitions(tmp_path / "orders")
    table = describe_table(store, "silver", "orders", partition_column="dt")
    assert [f.path for f in table.files] == [
        "orders/2024-01-0.parquet",
        "orders/2024-01-1.parquet",
    ]
    assert {f.partition["dt"] for f in table.files} == {"2024-01"}


def test_an_empty_table_keeps_its_columns_and_has_no_partition(
    store: LocalStore, tmp_path: Path
) -> None:
    (tmp_path / "orders").mkdir()
    flatten_partitions(tmp_path / "orders")
    ROWS.clear().write_parquet(tmp_path / "orders" / "part-0.parquet")
    table = describe_table(store, "gold", "orders", partition_column="dt")
    assert (table.rows, table.columns) == (0, COLUMNS)
    assert table.files[0].partition == {}


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (pa.string(), "VARCHAR"),
        (pa.large_string(), "VARCHAR"),
        (pa.string_view(), "VARCHAR"),
        (pa.int64(), "BIGINT"),
        (pa.int32(), "INTEGER"),
        (pa.float64(), "DOUBLE"),
        (pa.bool_(), "BOOLEAN"),
        (pa.date32(), "DATE"),
        (pa.decimal128(18, 2), "DECIMAL(18,2)"),
        (pa.decimal128(38, 6), "DECIMAL(38,6)"),
        (pa.timestamp("us"), "TIMESTAMP"),
        (pa.timestamp("ms"), "TIMESTAMP"),
        (pa.timestamp("ns"), "TIMESTAMP_NS"),
        (pa.timestamp("us", "UTC"), "TIMESTAMP WITH TIME ZONE"),
        (pa.list_(pa.string()), "VARCHAR[]"),
        (pa.large_list(pa.list_(pa.int64())), "BIGINT[][]"),
        (pa.uint8(), "UINT8"),
    ],
)
def test_types_have_the_names_of_duckdb(kind: pa.DataType, name: str) -> None:
    assert duckdb_type(kind) == name


def test_exactly_the_listed_files_are_read_whatever_their_paths(tmp_path: Path) -> None:
    urls = []
    for number, name in enumerate(["it's", "dt=2030-01-01", "left out"]):
        (tmp_path / name).mkdir()
        path = tmp_path / name / "part-0.parquet"
        ROWS.with_columns(id=pl.lit(number)).write_parquet(path)
        urls.append(str(path))
    read = duckdb.sql(f"select distinct id, max(dt) from ({select_of(urls[:2])}) group by id")
    assert sorted(read.fetchall()) == [(0, date(2024, 1, 2)), (1, date(2024, 1, 2))]
