"""Rows of bronze from blocks of CSV lines: typed, or whole in `raw_line` with the reasons.

Belongs here: which columns a row has, what becomes of a line that does not fit, and the partition
of a row. Does not belong here: parsing (`line_blocks.py`), casting (`line_values.py`), files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from urllib.parse import quote

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.bronze_inventory import UNKNOWN_PARTITION
from tasks.contracts.spec import LINE_AUDIT_COLUMNS, LINE_REASONS, Table
from tasks.line_blocks import LineBlock
from tasks.line_values import ARROW_TYPES, BLANKS, NULL_TOKENS, cast_column

MALFORMED = "malformed_line"
_REASONS = pa.list_(pa.string())
_ENGINE_TYPES = {
    pa.string(): "VARCHAR",
    pa.int64(): "BIGINT",
    pa.float64(): "DOUBLE",
    pa.bool_(): "BOOLEAN",
    pa.timestamp("us"): "TIMESTAMP",
    _REASONS: "VARCHAR[]",
}


@dataclass(frozen=True)
class LineLayout:
    """How the lines of one file become rows. `header` names its columns in their order."""

    table: Table
    header: tuple[str, ...]
    source_file: str
    landed_on: date

    @property
    def schema(self) -> pa.Schema:
        """Specified columns, unknown ones, audit columns, reasons."""
        types = {column.name: ARROW_TYPES[column.type] for column in self.table.columns}
        types |= {name: pa.string() for name in self.header if name not in types}
        types |= {name: ARROW_TYPES[kind] for name, kind in LINE_AUDIT_COLUMNS.items()}
        return pa.schema(types | {LINE_REASONS: _REASONS})

    @property
    def engine_types(self) -> dict[str, str]:
        """The columns with their DuckDB types."""
        return {field.name: _ENGINE_TYPES[field.type] for field in self.schema}

    def partition(self, value: str | None) -> str:
        """Return the folder for rows whose partition column holds `value`, as received."""
        name = self.table.partition.column
        column = next(c for c in self.table.columns if c.name == name)
        text = (value or "").strip(BLANKS)
        known = [r.one_of[name] for r in self.table.rules if r.one_of and name in r.one_of]
        standard = text.lower() if column.lower else text
        if text.lower() in NULL_TOKENS or any(standard not in values for values in known):
            return f"{name}={UNKNOWN_PARTITION}"
        return f"{name}={quote(standard, safe='')}"


def partitioned_rows(
    block: LineBlock, layout: LineLayout, engine: duckdb.DuckDBPyConnection
) -> dict[str, pa.Table]:
    """Return the rows of `block` by partition folder, each in the order of the lines."""
    received = dict(zip(layout.header, block.columns, strict=True))
    reasons: dict[int, list[str]] = {row: [MALFORMED] for row in block.malformed.tolist()}
    columns: dict[str, pa.Array] = {}
    for column in layout.table.columns:
        cast = cast_column(received.pop(column.name), column.type, engine)
        columns[column.name] = cast.values
        for row in cast.invalid.tolist():
            reasons.setdefault(row, []).append(f"invalid_{column.name}")
    columns |= received
    if reasons:
        columns = _without_rejects(columns, block, reasons)
    columns["source_line"] = pa.array(block.source_line)
    rows = pa.table(columns)
    return {
        folder: _with_audit(part, layout)
        for folder, part in _split(rows, rows[layout.table.partition.column], layout).items()
    }


def _without_rejects(
    columns: dict[str, pa.Array], block: LineBlock, reasons: dict[int, list[str]]
) -> dict[str, pa.Array]:
    """Empty the rows that have reasons, and keep their lines whole."""
    rejected = sorted(reasons)
    position = np.full(len(block.source_line), -1)
    position[rejected] = np.arange(len(rejected))
    places = pa.array(position, mask=position < 0)
    is_rejected = places.is_valid()
    columns = {
        name: pc.if_else(is_rejected, pa.scalar(None, values.type), values)
        for name, values in columns.items()
    }
    columns["raw_line"] = pa.array(block.raw_lines(rejected), pa.string()).take(places)
    told = pa.array([reasons[row] for row in rejected], _REASONS)
    columns[LINE_REASONS] = told.take(places)
    return columns


def _split(rows: pa.Table, column: pa.ChunkedArray, layout: LineLayout) -> dict[str, pa.Table]:
    encoded = column.combine_chunks().dictionary_encode()
    values: Sequence[str | None] = [*encoded.dictionary.to_pylist(), None]
    folders = [layout.partition(value) for value in values]
    known = sorted(set(folders))
    codes = encoded.indices.fill_null(len(values) - 1).to_numpy()
    numbers = np.array([known.index(folder) for folder in folders])[codes]
    counts = np.bincount(numbers, minlength=len(known))
    if counts.max(initial=0) == len(rows):
        return {known[numbers[0]]: rows} if len(rows) else {}
    return {
        folder: rows.filter(pa.array(numbers == number))
        for number, folder in enumerate(known)
        if counts[number]
    }


def _with_audit(rows: pa.Table, layout: LineLayout) -> pa.Table:
    moment = pa.scalar(datetime.combine(layout.landed_on, time()), pa.timestamp("us"))
    constant = {
        "ingestion_timestamp": moment,
        "created_at": moment,
        "source_file": pa.scalar(layout.source_file),
    }
    columns = []
    for field in layout.schema:
        if field.name in constant:
            columns.append(pa.repeat(constant[field.name], len(rows)))
        elif field.name in rows.column_names:
            columns.append(rows[field.name])
        else:  # nothing in this block was rejected
            columns.append(pa.nulls(len(rows), field.type))
    return pa.table(columns, schema=layout.schema)
