"""Hand-made bronze: rows of dicts become partition folders with Parquet files and manifests.

Belongs here: writing bronze as another team's exporter would, and cutting it anew. Does not belong
here: what the rows are (`tests/oracle/sample_rows.py`), or assertions.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.oracle.schema import CONTRACTS

Row = Mapping[str, Any]
UNKNOWN = "__HIVE_DEFAULT_PARTITION__"
_ARROW = {"s": pa.string(), "i": pa.int64(), "f": pa.float64(), "b": pa.bool_()}


def arrow_schema(table: str) -> pa.Schema:
    """The columns of a bronze table, audit columns last."""
    contract = CONTRACTS[table]
    return pa.schema([(c, _ARROW[contract.columns.get(c, "s")]) for c in contract.raw_columns])


def write_bronze(folder: Path, tables: Mapping[str, Sequence[Row]]) -> Path:
    """Write rows by table, a file a partition. A table without rows gets no folder.

    Rows whose partition is no column of theirs lie in the day of their `ingestion_ts`.
    """
    for table, rows in tables.items():
        partitions: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            partitions[partition_of(table, row)].append(row)
        for partition, members in partitions.items():
            content = pa.Table.from_pylist([dict(r) for r in members], arrow_schema(table))
            write_partition(folder, table, partition, {"part-0000.parquet": content})
    return folder


def partition_of(table: str, row: Row) -> str:
    """The name of the folder that a row belongs in."""
    column = CONTRACTS[table].partition
    value = row["ingestion_ts"] if column == "ingest_dt" else row[column]
    if value is not None and column != "category":
        value = value[:10]
    return f"{column}={value or UNKNOWN}"


def write_partition(
    folder: Path, table: str, partition: str, files: Mapping[str, pa.Table], *, sha256: bool = True
) -> Path:
    """Write one partition's files and its manifest; return the partition's folder."""
    place = folder / table / partition
    place.mkdir(parents=True, exist_ok=True)
    entries = []
    for name, content in files.items():
        pq.write_table(content, place / name)
        entry = {"path": f"{table}/{partition}/{name}", "rows": content.num_rows}
        entry["checksum"] = "foreign"
        if sha256:
            entry["sha256"] = hashlib.sha256((place / name).read_bytes()).hexdigest()
        entries.append(entry)
    manifest = {
        "schema_version": "1.0",
        "table": table,
        "batch_id": "b",
        "partition": partition,
        "files": entries,
        "total_rows": sum(entry["rows"] for entry in entries),
        "created_at": "2024-01-14T02:00:00Z",
    }
    (place / "_MANIFEST.json").write_text(json.dumps(manifest))
    return place


def read_partitions(folder: Path) -> dict[tuple[str, str], pa.Table]:
    """The rows of every partition of bronze by (table, partition)."""
    found = {}
    for manifest in sorted(folder.glob("*/*/_MANIFEST.json")):
        listed = json.loads(manifest.read_text())["files"]
        files = [manifest.parent / Path(entry["path"]).name for entry in listed]
        key = (manifest.parts[-3], manifest.parts[-2])
        found[key] = pa.concat_tables([pq.ParquetFile(file).read() for file in files])
    return found
