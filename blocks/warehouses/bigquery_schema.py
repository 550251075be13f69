"""Schemas of BigQuery's tables, as its client has them.

Belongs here: from columns with DuckDB's types to fields, and back to the names of their types. Does
not belong here: asking the server (`bigquery.py`), or which type stands for which
(`tasks/contracts/warehouse.py`).
"""

from __future__ import annotations

import re
from typing import Any

import pyarrow as pa
from google.cloud import bigquery

from blocks.warehouse import WarehouseError
from tasks.contracts.nested_kinds import list_item, struct_members
from tasks.contracts.warehouse import WarehouseTable, bigquery_type

_TYPE = re.compile(r"(?P<name>\w+)(\((?P<digits>\d+), (?P<scale>\d+)\))?")
# The REST protocol answers with the older names of types.
_OLDER = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL"}


def types_of(table: WarehouseTable) -> dict[str, str]:
    try:
        return table.types
    except ValueError as error:
        raise WarehouseError(f"{table.label}: {error}") from None


def schema_of(table: WarehouseTable) -> list[bigquery.SchemaField]:
    types_of(table)  # names a column for which there is none
    return [_field(name, kind) for name, kind in table.columns.items()]


def _field(name: str, kind: str) -> bigquery.SchemaField:
    item = list_item(kind)
    mode, kind = ("NULLABLE", kind) if item is None else ("REPEATED", item)
    members = struct_members(kind)
    if members is not None:
        fields = [_field(*member) for member in members.items()]
        return bigquery.SchemaField(name, "RECORD", mode, fields=fields)
    found = _TYPE.fullmatch(bigquery_type(kind, name))
    assert found is not None, kind
    digits: dict[str, Any] = {}
    if found["digits"] is not None:
        digits = {"precision": int(found["digits"]), "scale": int(found["scale"])}
    return bigquery.SchemaField(name, found["name"], mode, **digits)


def kind_of(field: bigquery.SchemaField) -> str:
    """Return the type of a column as `WarehouseTable.types` has it."""
    name = _OLDER.get(field.field_type, field.field_type)
    if field.precision is not None:
        name = f"{name}({field.precision}, {field.scale or 0})"
    if field.fields:
        name = f"STRUCT<{', '.join(f'{each.name} {kind_of(each)}' for each in field.fields)}>"
    return f"ARRAY<{name}>" if field.mode == "REPEATED" else name


def division_of(table: WarehouseTable) -> bigquery.TimePartitioning | None:
    if table.grain is None:
        return None
    return bigquery.TimePartitioning(type_=table.grain, field=table.partition_column)


def without_zones(schema: pa.Schema) -> pa.Schema:
    """Return the schema of rows whose moments, within lists and structs too, do not say UTC."""
    return pa.schema([_without_zones(field) for field in schema])


def _without_zones(field: pa.Field) -> pa.Field:
    kind = field.type
    if pa.types.is_timestamp(kind):
        kind = pa.timestamp(kind.unit)
    elif pa.types.is_list(kind):
        kind = pa.list_(_without_zones(kind.value_field))
    elif pa.types.is_struct(kind):
        kind = pa.struct([_without_zones(member) for member in kind])
    return field.with_type(kind)
