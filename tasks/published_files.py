"""Describing the Parquet files that a run has written.

Belongs here: rows, bytes, sha256, columns and partition values of files in the run's own folders,
and their final names. Does not belong here: the release that lists them (`releases.py`).
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq

from blocks.store import Store
from tasks.contracts.release import PublishedFile, PublishedTable

Root = Literal["silver", "gold"]


def flatten_partitions(folder: Path) -> None:
    """Give files written to `_partition=<value>/` the names `<value>-<k>.parquet`.

    A folder `key=value` would make some readers derive a column from the path.
    """
    for partition in sorted(folder.glob("_partition=*")):
        value = partition.name.partition("=")[2]
        for number, file in enumerate(sorted(partition.glob("*.parquet"))):
            file.rename(folder / f"{value}-{number}.parquet")
        shutil.rmtree(partition)


def describe_table(
    store: Store,
    root: Root,
    prefix: str,
    *,
    key: tuple[str, ...] = (),
    partition_column: str | None = None,
) -> PublishedTable:
    """Describe the files below `prefix`, all of which this run has written."""
    files = []
    columns: dict[str, str] = {}
    for name in store.list(prefix):
        path = Path(store.url(name))
        metadata = pq.read_metadata(path)
        schema = metadata.schema.to_arrow_schema()
        columns = {field.name: duckdb_type(field.type) for field in schema}
        with path.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
        partition = {}
        if partition_column is not None and not path.stem.startswith("part-"):
            partition = {partition_column: path.stem.rpartition("-")[0]}
        files.append(
            PublishedFile(
                root=root,
                path=name,
                rows=metadata.num_rows,
                bytes=path.stat().st_size,
                sha256=digest,
                partition=partition,
            )
        )
    return PublishedTable(
        rows=sum(file.rows for file in files),
        bytes=sum(file.bytes for file in files),
        columns=columns,
        key=key,
        partition_column=partition_column,
        files=tuple(files),
    )


def with_carried(
    written: PublishedTable,
    released: PublishedTable | None,
    keep: Callable[[PublishedFile], bool],
) -> PublishedTable:
    """Return the table of the files just written and those of its release that `keep` keeps."""
    if released is None:
        return written
    carried = tuple(file for file in released.files if keep(file))
    files = (*carried, *written.files)
    return released.model_copy(
        update={
            "rows": sum(file.rows for file in files),
            "bytes": sum(file.bytes for file in files),
            "columns": written.columns or released.columns,
            "files": tuple(
                sorted(files, key=lambda file: (sorted(file.partition.items()), file.path))
            ),
        }
    )


def duckdb_type(kind: pa.DataType) -> str:
    """Return the DuckDB name of an Arrow type (`VARCHAR`, `DECIMAL(18,2)`, `VARCHAR[]` ...)."""
    if pa.types.is_decimal(kind):
        return f"DECIMAL({kind.precision},{kind.scale})"
    if pa.types.is_struct(kind):
        members = (f'"{field.name}" {duckdb_type(field.type)}' for field in kind)
        return f"STRUCT({', '.join(members)})"
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return f"{duckdb_type(kind.value_type)}[]"
    names = [
        (pa.types.is_string, "VARCHAR"),
        (pa.types.is_large_string, "VARCHAR"),
        (pa.types.is_string_view, "VARCHAR"),
        (pa.types.is_int64, "BIGINT"),
        (pa.types.is_int32, "INTEGER"),
        (pa.types.is_float64, "DOUBLE"),
        (pa.types.is_boolean, "BOOLEAN"),
        (pa.types.is_date32, "DATE"),
    ]
    if pa.types.is_timestamp(kind):
        finest = "TIMESTAMP_NS" if kind.unit == "ns" else "TIMESTAMP"
        return "TIMESTAMP WITH TIME ZONE" if kind.tz else finest
    return next((name for test, name in names if test(kind)), str(kind).upper())
