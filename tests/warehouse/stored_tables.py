"""What the stand-in for BigQuery stores: datasets and tables, in DuckDB.

Belongs here: making, describing and clearing them as the REST protocol has them. Does not belong
here: jobs, and answering requests (`stand_in.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import duckdb

from tasks.contracts.nested_kinds import list_item, struct_members

PROJECT = "shop-data"
_STORED = {
    "STRING": "VARCHAR",
    "INT64": "BIGINT",
    "INTEGER": "BIGINT",
    "FLOAT64": "DOUBLE",
    "FLOAT": "DOUBLE",
    "BOOL": "BOOLEAN",
    "BOOLEAN": "BOOLEAN",
    "DATE": "DATE",
    "TIMESTAMP": "TIMESTAMP WITH TIME ZONE",
    "NUMERIC": "DECIMAL(38,9)",
}
_SHOWN = {
    "BIGINT": "INTEGER",
    "HUGEINT": "INTEGER",
    "INTEGER": "INTEGER",
    "DOUBLE": "FLOAT",
    "BOOLEAN": "BOOLEAN",
    "DATE": "DATE",
    "TIMESTAMP": "TIMESTAMP",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMP",
}
RESULTS = "_results"  # where answers to queries are
_FORMATS = {"DAY": "%Y%m%d", "MONTH": "%Y%m"}


class RefusedError(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status, self.reason = status, reason


class StoredTables:
    """Datasets of one project: DuckDB's tables and views, and what it does not know of them."""

    def __init__(self) -> None:
        self._partitioning: dict[tuple[str, str], dict[str, Any]] = {}
        self._schemas: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self._told: dict[tuple[str, str], dict[str, Any]] = {}  # what else was said of a table
        # Answers to queries: fields and rows, by job.
        self._results: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]]]] = {}
        self.database = duckdb.connect()
        self.database.execute("set TimeZone = 'UTC'")
        # DuckDB 1.5.5 fails with an internal error where this meets a window among several joins.
        self.database.execute("set disabled_optimizers = 'top_n_window_elimination'")
        self.database.execute(f"attach ':memory:' as \"{PROJECT}\"")
        self.database.execute(f'use "{PROJECT}"')

    def _dataset_call(self, method: str, found: re.Match[str], body: Any) -> Any:
        dataset, table = found["id"], found["table"]
        if dataset is None:
            return (
                self._make(body)
                if method == "POST"
                else {"datasets": [self._dataset(name) for name in self._dataset_names()]}
            )
        if dataset == RESULTS:
            rows = len(self._results[table][1])
            return {"tableReference": reference(dataset, table), "numRows": str(rows)}
        if dataset not in self._dataset_names():
            raise RefusedError(404, "notFound", f"Not found: Dataset {dataset}")
        if found["part"] == "tables":
            return self._table_call(method, dataset, table, body, data=bool(found["data"]))
        return {"routines": []} if found["part"] else self._dataset(dataset)

    def _table_call(
        self, method: str, dataset: str, table: str | None, body: Any, *, data: bool = False
    ) -> Any:
        if table is None and method == "POST":
            return self._create(dataset, body)
        if table is None:
            names = [name for schema, name in self._tables() if schema == dataset]
            return {"tables": [self._table(dataset, name) for name in names]}
        name, _, partition = table.partition("$")
        if (dataset, name) not in self._tables():
            raise RefusedError(404, "notFound", f"Not found: Table {dataset}.{name}")
        if method != "DELETE":
            found = self._table(dataset, name)
            return self._rows(dataset, name) if data else found
        if partition:
            self._clear(dataset, name, partition)
        else:
            kind = "view" if self._is_view(dataset, name) else "table"
            self.database.execute(f'drop {kind} "{dataset}"."{name}"')
            self._partitioning.pop((dataset, name), None)
            self._schemas.pop((dataset, name), None)
            self._told.pop((dataset, name), None)
        return None

    def _make(self, body: Any) -> Any:
        name = body["datasetReference"]["datasetId"]
        if name in self._dataset_names():
            raise RefusedError(409, "duplicate", f"Already Exists: Dataset {name}")
        self.database.execute(f'create schema "{name}"')
        return body

    def _dataset_names(self) -> list[str]:
        listed = self.database.execute(
            "select schema_name from duckdb_schemas() "
            "where database_name = ? and not internal and schema_name <> 'main'",
            [PROJECT],
        )
        return [name for (name,) in listed.fetchall()]

    def _dataset(self, name: str) -> dict[str, Any]:
        reference = {"projectId": PROJECT, "datasetId": name}
        return {"id": f"{PROJECT}:{name}", "datasetReference": reference, "location": "EU"}

    def _tables(self) -> list[tuple[str, str]]:
        listed = self.database.execute(
            "select schema_name, table_name from duckdb_tables() where database_name = $1 "
            "union all select schema_name, view_name from duckdb_views() "
            "where database_name = $1 and not internal",
            [PROJECT],
        )
        return listed.fetchall()

    def _is_view(self, dataset: str, name: str) -> bool:
        found = self.database.execute(
            "from duckdb_views() where database_name = ? and schema_name = ? and view_name = ?",
            [PROJECT, dataset, name],
        )
        return found.fetchone() is not None

    def _create(self, dataset: str, body: Any) -> Any:
        name = body["tableReference"]["tableId"]
        if (dataset, name) in self._tables():
            raise RefusedError(409, "duplicate", f"Already Exists: Table {dataset}.{name}")
        fields = body["schema"]["fields"]
        self.database.execute(f'create table "{dataset}"."{name}" ({_columns(fields)})')
        self._schemas[dataset, name] = fields
        self._told[dataset, name] = {k: body[k] for k in ("description",) if body.get(k)}
        if body.get("timePartitioning"):
            self._partitioning[dataset, name] = body["timePartitioning"]
        return self._table(dataset, name)

    def _table(self, dataset: str, name: str) -> dict[str, Any]:
        kind = "VIEW" if self._is_view(dataset, name) else "TABLE"
        fields = self._schemas.get((dataset, name)) or self._described(
            self.database.execute(f'select * from "{dataset}"."{name}" limit 0')
        )
        (count,) = self.database.execute(f'select count(*) from "{dataset}"."{name}"').fetchone()
        found = self._told.get((dataset, name), {}) | {
            "id": f"{PROJECT}:{dataset}.{name}",
            "tableReference": reference(dataset, name),
            "type": kind,
            "schema": {"fields": fields},
            "numRows": str(count),
            "numBytes": "0",
            "location": "EU",
        }
        if (dataset, name) in self._partitioning:
            found["timePartitioning"] = self._partitioning[dataset, name]
        return found

    def _rows(self, dataset: str, name: str) -> dict[str, Any]:
        rows = self.database.execute(f'from "{dataset}"."{name}"').fetchall()
        return {"totalRows": str(len(rows)), "rows": [written_row(row) for row in rows]}

    def _clear(self, dataset: str, table: str, partition: str) -> None:
        condition = self._in_partition(dataset, table, partition)
        self.database.execute(f'delete from "{dataset}"."{table}" where {condition}')

    def _in_partition(self, dataset: str, table: str, partition: str) -> str:
        division = self._partitioning.get((dataset, table))
        if division is None:
            raise RefusedError(400, "invalid", f"{dataset}.{table} is not partitioned")
        form = _FORMATS[division["type"]]
        return f"strftime(\"{division['field']}\", '{form}') is not distinct from '{partition}'"

    def _described(self, relation: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
        return [_shown(name, str(kind)) for name, kind, *_ in relation.description or []]


def reference(dataset: str, table: str) -> dict[str, str]:
    return {"projectId": PROJECT, "datasetId": dataset, "tableId": table}


def _columns(fields: list[dict[str, Any]]) -> str:
    return ", ".join(f'"{field["name"]}" {_stored(field)}' for field in fields)


def _shown(name: str, kind: str) -> dict[str, Any]:
    """A column with DuckDB's type as the REST protocol describes it."""
    item, members = list_item(kind), struct_members(kind)
    if item is not None:
        return _shown(name, item) | {"mode": "REPEATED"}
    if members is not None:
        fields = [_shown(*member) for member in members.items()]
        return {"name": name, "mode": "NULLABLE", "type": "RECORD", "fields": fields}
    shown = "NUMERIC" if kind.startswith("DECIMAL") else _SHOWN.get(kind, "STRING")
    return {"name": name, "mode": "NULLABLE", "type": shown}


def _stored(field: dict[str, Any]) -> str:
    if field["type"] == "RECORD":
        kind = f"STRUCT({_columns(field['fields'])})"
    elif field.get("precision"):
        kind = f"DECIMAL({field['precision']},{field.get('scale', 0)})"
    else:
        kind = _STORED[field["type"]]
    return f"{kind}[]" if field.get("mode") == "REPEATED" else kind


def kinds(fields: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(field["name"], _stored(field)) for field in fields]


def written_row(row: Iterable[Any]) -> dict[str, Any]:
    """A row, or a struct, as the REST protocol has it."""
    return {"f": [{"v": _written(value)} for value in row]}


def _written(value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, list):
        return [{"v": _written(each)} for each in value]
    if isinstance(value, dict):
        return written_row(value.values())
    if isinstance(value, bool):
        return str(value).lower()
    if hasattr(value, "timestamp"):
        return str(int(value.timestamp() * 1_000_000))
    return str(value)
