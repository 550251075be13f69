"""Corrected rows as files of bronze: typed as the rejected ones, dated and placed as those were.

Belongs here: from corrected texts to Parquet files by partition. Does not belong here: comparing
the texts (`corrections.py`), and committing the batch (`correction_landing.py`).

A corrected row keeps the time of ingestion, the source file and line of the row that it replaces:
of several copies of a key the same one wins as if it had come right in the first place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.contracts.manifest import CORRECTS
from tasks.contracts.spec import LINE_REASONS, ColumnType, Table
from tasks.corrections import CorrectedValues, raise_problems
from tasks.landing_rows import EngineLimits, write_rows
from tasks.landing_sql import event_id
from tasks.line_rows import LineLayout
from tasks.line_values import cast_column
from tasks.quarantine_export import ExportedTable
from tasks.schema_drift import ReceivedColumn
from tasks.source_columns import received_columns
from tasks.source_files import SourceFile

_KINDS: dict[str, ColumnType] = {
    "BIGINT": "integer",
    "DOUBLE": "float",
    "BOOLEAN": "boolean",
    "TIMESTAMP": "timestamp",
}
Staged = tuple[dict[str, str], dict[str, list[Path]]]


@dataclass(frozen=True)
class TypedRows:
    """Corrected rows in the columns of bronze; `values` are those that were not cast yet."""

    table: Table
    rows: pa.Table
    values: Sequence[CorrectedValues]


def typed_rows(export: ExportedTable, corrected: Sequence[CorrectedValues]) -> TypedRows:
    """Cast the corrected texts to the types that the quarantine has.

    Raises CorrectionError that lists changed values which their column cannot hold.
    """
    kinds = {column: _KINDS.get(kind, "string") for column, kind in export.types.items()}
    with duckdb.connect(config={"threads": 1}) as engine:
        rows, invalid = _cast([row.values for row in corrected], kinds, engine)
        raise_problems(
            [
                f"{corrected[place].place}: column '{column}' is {kinds[column]}, and cannot hold "
                f"{corrected[place].values[column]!r}"
                for column, places in invalid.items()
                for place in places
                if column in corrected[place].changed
            ]
        )
        if export.table.landing == "rows":
            before, _ = _cast([row.before.values for row in corrected], kinds, engine)
            ids = _event_ids(export.table, kinds, before, rows, engine)
            rows = _with(rows, "event_id", ids)
    return TypedRows(export.table, rows, corrected)


def write_corrected(
    folder: Path, typed: TypedRows, batch_id: str, landed_on: date, limits: EngineLimits
) -> Staged:
    """Write the rows below the empty `folder`; return the columns, and the files by partition.

    Each row names in column `corrects_row` the one that it replaces.
    """
    replaced = pa.array([row.before.row for row in typed.values], pa.string())
    if typed.table.landing == "lines":
        return _write_lines(folder, typed, replaced, landed_on)
    rows = _with(typed.rows, "batch_id", pa.array([batch_id] * len(replaced), pa.string()))
    rows = rows.append_column(CORRECTS, replaced)
    with TemporaryDirectory(prefix="correction-") as scratch:
        path = Path(scratch) / "rows.parquet"
        pq.write_table(rows, path)
        source = SourceFile(typed.table.name, typed.table.bronze_name, path, path.name, "parquet")
        received = received_columns(source) or []
        return write_rows(
            folder, typed.table, source, received, audit={}, landed_on=landed_on, limits=limits
        )


def _write_lines(folder: Path, typed: TypedRows, replaced: pa.Array, landed_on: date) -> Staged:
    layout = LineLayout(typed.table, tuple(c.name for c in typed.table.columns), "", landed_on)
    schema = layout.schema.append(pa.field(CORRECTS, pa.string()))
    count = len(replaced)
    moment = pa.scalar(datetime.combine(landed_on, time()), pa.timestamp("us"))
    added = {
        "raw_line": pa.nulls(count, pa.string()),
        "ingestion_timestamp": pa.repeat(moment, count),
        "created_at": pa.repeat(moment, count),
        LINE_REASONS: pa.nulls(count, schema.field(LINE_REASONS).type),
        CORRECTS: replaced,
    }
    columns = [added.get(name) for name in schema.names]
    rows = pa.table(
        [
            typed.rows[name] if column is None else column
            for name, column in zip(schema.names, columns, strict=True)
        ],
        schema=schema,
    )
    column = typed.table.partition.column
    folders = pa.array([layout.partition(row.values[column]) for row in typed.values])
    staged: dict[str, list[Path]] = {}
    for number, name in enumerate(sorted(set(folders.to_pylist()))):
        path = folder / f"{number}.parquet"
        pq.write_table(rows.filter(pc.equal(folders, name)), path)
        staged[name] = [path]
    return {**layout.engine_types, CORRECTS: "VARCHAR"}, staged


def _cast(
    rows: Sequence[Mapping[str, str | None]],
    kinds: Mapping[str, ColumnType],
    engine: duckdb.DuckDBPyConnection,
) -> tuple[pa.Table, dict[str, list[int]]]:
    """Return typed columns, and by column the rows whose text has no value of the type."""
    columns, invalid = {}, {}
    for column, kind in kinds.items():
        cast = cast_column(pa.array([row[column] for row in rows], pa.string()), kind, engine)
        columns[column] = cast.values
        if len(cast.invalid):
            invalid[column] = cast.invalid.tolist()
    return pa.table(columns), invalid


def _event_ids(
    table: Table,
    kinds: Mapping[str, ColumnType],
    before: pa.Table,
    after: pa.Table,
    engine: duckdb.DuckDBPyConnection,
) -> pa.Array:
    """The ids of the corrected rows: anew where landing had computed them, else the source's."""
    expected = {column.name: column.type for column in table.columns}
    received = {
        name: ReceivedColumn(name, "text" if kinds[name] == "string" else kinds[name], kinds[name])
        for name in expected
    }
    computed = event_id(expected, list(expected), received)
    found = [
        pa.array([row[0] for row in engine.from_arrow(rows).project(computed).fetchall()])
        for rows in (before, after)
    ]
    given = before["event_id"].combine_chunks()
    was_computed = pc.fill_null(pc.equal(given, found[0]), fill_value=False)
    return pc.if_else(was_computed, found[1], given)


def _with(rows: pa.Table, column: str, values: pa.Array) -> pa.Table:
    return rows.set_column(rows.column_names.index(column), column, values)
