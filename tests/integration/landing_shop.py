"""A shop of three tables, for the tests of landing: how its rows are written and read back."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from blocks.stores.local import LocalStore
from tasks.contracts.spec import Spec
from tasks.landing import LandingReport, land
from tasks.source_files import find_sources

Row = Mapping[str, Any]

SPEC = Spec.model_validate(
    {
        "pipeline": "shop",
        "tables": [
            {
                "name": "sales",
                "key": ["sale_id"],
                "partition": {"column": "ingest_dt", "kind": "date"},
                "columns": [
                    {"name": "sale_id", "type": "string"},
                    {"name": "units", "type": "integer"},
                    {"name": "price", "type": "float"},
                    {"name": "is_gift", "type": "boolean"},
                    {"name": "note", "type": "string"},
                ],
            },
            {
                "name": "people",
                "key": ["person_id"],
                "partition": {"column": "signup_date", "kind": "date"},
                "columns": [
                    {"name": "person_id", "type": "string"},
                    {"name": "signup_date", "type": "string"},
                ],
            },
            {
                "name": "goods",
                "key": ["good_id"],
                "partition": {"column": "category", "kind": "value"},
                "columns": [
                    {"name": "good_id", "type": "integer"},
                    {"name": "category", "type": "string"},
                ],
            },
        ],
    }
)

DAY = date(2024, 1, 14)
MOMENT = datetime(2024, 1, 15, 2, 30, tzinfo=UTC)
PREFIX = "shop/"
SALES: list[Row] = [
    {"sale_id": "S-1", "units": 2, "price": 80.0, "is_gift": True, "note": ' as, it "came"\n'},
    {"sale_id": "S-2", "units": None, "price": 0.1, "is_gift": False, "note": None},
    {"sale_id": "S-3", "units": -7, "price": None, "is_gift": None, "note": "é 日本"},
]
_ARROW = {
    "string": pa.string(),
    "integer": pa.int64(),
    "float": pa.float64(),
    "boolean": pa.bool_(),
}


def store_at(root: Path) -> LocalStore:
    return LocalStore(root / "bronze")


def land_all(
    store: LocalStore,
    source: Path,
    *,
    landed_on: date = DAY,
    landed_at: datetime = MOMENT,
    spec: Spec = SPEC,
    prefix: str = PREFIX,
) -> LandingReport:
    sources = find_sources(spec, source)
    return land(store, prefix, spec, sources, landed_on=landed_on, landed_at=landed_at)


def write_rows(path: Path, rows: Sequence[Row], table: str = "sales") -> Path:
    """Write `rows` in the format that the name of `path` asks for."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = [column.name for column in SPEC.table(table).columns]
    name = path.name.removesuffix(".gz").removesuffix(".zst")
    if name.endswith(".parquet"):
        types = {c.name: _ARROW[c.type] for c in SPEC.table(table).columns}
        pq.write_table(pa.Table.from_pylist([dict(r) for r in rows], pa.schema(types)), path)
        return path
    text = csv_text(columns, rows) if name.endswith(".csv") else jsonl_text(rows)
    write_bytes(path, text.encode())
    return path


def write_bytes(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".gz":
        content = gzip.compress(content, mtime=0)  # the same bytes whenever it is written
    elif path.suffix == ".zst":
        sink = pa.BufferOutputStream()
        with pa.CompressedOutputStream(sink, "zstd") as stream:
            stream.write(content)
        content = sink.getvalue().to_pybytes()
    path.write_bytes(content)
    return path


def csv_text(columns: Sequence[str], rows: Iterable[Row]) -> str:
    """NULL is an empty field, an empty text is `""`."""
    lines = [",".join(columns)]
    for row in rows:
        fields = []
        for name in columns:
            value = row[name]
            text = "" if value is None else str(value)
            quoted = text == "" or any(sign in text for sign in '",\r\n')
            doubled = text.replace('"', '""')
            fields.append(f'"{doubled}"' if value is not None and quoted else text)
        lines.append(",".join(fields))
    return "\n".join(lines) + "\n"


def jsonl_text(rows: Iterable[Row]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def committed_files(store: LocalStore, table: str) -> list[Path]:
    """The files that the manifests list, of batches that are committed and unharmed."""
    found = []
    for key in store.list(f"{PREFIX}{table}/"):
        if not key.endswith("/_MANIFEST.json"):
            continue
        manifest = json.loads(store.read(key))
        assert manifest["schema_version"] == "1.0"
        assert manifest["table"] == table
        assert manifest["partition"] == key.split("/")[-2]
        assert manifest["total_rows"] == sum(file["rows"] for file in manifest["files"])
        for file in manifest["files"]:
            path = store.path(key).with_name(file["path"])
            if not store.exists(f"{PREFIX}{table}/_batches/{file['batch_id']}.json"):
                continue
            content = path.read_bytes()
            assert hashlib.sha256(content).hexdigest() == file["sha256"]
            assert len(content) == file["bytes"]
            assert pq.read_metadata(path).num_rows == file["rows"]
            found.append(path)
    return found


def landed_rows(store: LocalStore, table: str, select: str = "*") -> list[tuple[Any, ...]]:
    """Rows of all committed files of `table`, in no order."""
    rows = []
    for path in committed_files(store, table):
        query = f"SELECT {select} FROM read_parquet('{path}', hive_partitioning = false)"
        rows.extend(duckdb.sql(query).fetchall())
    return rows


def partitions(store: LocalStore, table: str) -> set[str]:
    return {path.parent.name for path in committed_files(store, table)}


def tree(store: LocalStore) -> dict[str, str]:
    """The hash of every file of bronze, hidden ones included."""
    files = (path for path in store.root.rglob("*") if path.is_file())
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}
