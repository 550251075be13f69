"""The SQL by which rows of a source file become rows of bronze.

Belongs here: pure functions from columns to DuckDB SQL: how a format is read, audit columns, event
ids, partition values. Does not belong here: running it (`landing.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tasks.bronze_inventory import UNKNOWN_PARTITION
from tasks.contracts.spec import AUDIT_COLUMNS, ColumnType, Partition, Table
from tasks.schema_drift import ReceivedColumn
from tasks.source_files import SourceFormat
from tasks.sql_text import quoted

_ENGINE_TYPES = {"string": "VARCHAR", "integer": "BIGINT", "float": "DOUBLE", "boolean": "BOOLEAN"}
_BLANKS = "E' \\t\\r\\n'"


def identifier(name: str) -> str:
    """Quote `name` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def source_relation(path: Path, file_format: SourceFormat, columns: Sequence[str]) -> str:
    """Return the table function that reads `path`; text formats give every column as VARCHAR."""
    where = quoted(str(path))
    if file_format == "parquet":
        return f"read_parquet({where}, hive_partitioning = false)"
    types = ", ".join(f"{quoted(name)}: 'VARCHAR'" for name in columns)
    if file_format == "jsonl":
        return f"read_json({where}, format = 'newline_delimited', columns = {{{types}}})"
    # Said in full rather than sniffed: what a file means must not depend on what is in it.
    return (
        f"read_csv({where}, auto_detect = false, header = true, delim = ',', quote = '\"', "
        "escape = '\"', nullstr = '', allow_quoted_nulls = false, strict_mode = true, "
        f"columns = {{{types}}})"
    )


def landed_columns(
    table: Table, received: Sequence[ReceivedColumn], audit: Mapping[str, str]
) -> dict[str, str]:
    """Return {column: SQL}: specified columns, unknown ones, audit columns, each in their order.

    `audit` holds the texts of the audit columns that the source lacks; `event_id` is computed.
    """
    by_name = {column.name: column for column in received}
    expected: dict[str, ColumnType] = {column.name: column.type for column in table.columns}
    unknown = [c.name for c in received if c.name not in expected and c.name not in AUDIT_COLUMNS]
    landed = {
        name: _as_received(by_name[name], expected.get(name, "string"))
        for name in (*expected, *unknown)
    }
    for name in AUDIT_COLUMNS:
        if name in by_name:
            landed[name] = _as_received(by_name[name], "string")
        elif name == "event_id":
            landed[name] = event_id(expected, [*expected, *sorted(unknown)], by_name)
        else:
            landed[name] = quoted(audit[name])
    return landed


def _as_received(column: ReceivedColumn, expected: ColumnType) -> str:
    name = identifier(column.name)
    # DuckDB reads a Parquet column without any value as INTEGER.
    return f"CAST({name} AS {_ENGINE_TYPES[expected]})" if column.family == "null" else name


def event_id(
    expected: Mapping[str, ColumnType],
    names: Sequence[str],
    received: Mapping[str, ReceivedColumn],
) -> str:
    """Return the SQL of `evt_` and the SHA-256 of a row's values, equal in every format.

    Each value that is not NULL is rendered as name and text, both with their lengths, so that no
    two rows have one rendering; numbers and booleans in the engine's spelling, so that `80.00` in
    a text file is the `80.0` of a Parquet file.
    """
    parts = []
    for name in names:
        value = _canonical(name, expected.get(name), received[name])
        label = quoted(f"{len(name.encode())}:{name}=")
        # NULL makes the whole part NULL, and concat leaves it out.
        parts.append(f"{label} || strlen({value}) || ':' || {value}")
    return "'evt_' || sha256(concat('', " + ", ".join(parts) + "))"


def _canonical(name: str, wanted: ColumnType | None, column: ReceivedColumn) -> str:
    text = f"CAST({identifier(name)} AS VARCHAR)"
    if column.family != "text":
        return text
    trimmed = f"trim({text}, {_BLANKS})"
    if wanted == "integer":  # digits only: a cast would round 9.5 to 10
        number = f"CAST(TRY_CAST({trimmed} AS BIGINT) AS VARCHAR)"
        fraction = f"contains({text}, '.') OR contains(lower({text}), 'e')"
        return f"CASE WHEN {fraction} THEN {text} ELSE coalesce({number}, {text}) END"
    if wanted in ("float", "boolean"):
        kind = _ENGINE_TYPES[wanted]
        return f"coalesce(CAST(TRY_CAST({trimmed} AS {kind}) AS VARCHAR), {text})"
    return text


def partition_value(partition: Partition) -> str:
    """Return the SQL of the partition that a row belongs to by its own value, never NULL."""
    text = f"trim(CAST({identifier(partition.column)} AS VARCHAR), {_BLANKS})"
    fallback = quoted(UNKNOWN_PARTITION)
    if partition.kind == "value":
        return f"coalesce(nullif({text}, ''), {fallback})"
    return (
        f"CASE WHEN regexp_matches({text}, '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}') "
        f"AND left({text}, 4) <> '0000' AND TRY_CAST(left({text}, 10) AS DATE) IS NOT NULL "
        f"THEN left({text}, 10) ELSE {fallback} END"
    )
