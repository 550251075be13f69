"""Writing the lines of one source file as bronze Parquet files, not yet in their place.

Belongs here: the stream from blocks of lines to files, several blocks at a time, in the order of
the file. Does not belong here: what a row is (`line_rows.py`), final names, manifests and commits
(`landing.py`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.contracts.errors import IngestError
from tasks.contracts.spec import Table
from tasks.line_blocks import parse_block
from tasks.line_files import BLOCK_BYTES, open_lines
from tasks.line_rows import LineLayout, partitioned_rows
from tasks.schema_drift import ReceivedColumn
from tasks.source_columns import place
from tasks.source_files import SourceFile

# In the order of the lines a row group spans little time, and readers can pass over it.
_GROUP_ROWS = 1 << 18
_FILE_ROWS = 10_000_000


@dataclass(frozen=True)
class WrittenLines:
    """Columns with their DuckDB types, files by partition folder, and the bytes that were read."""

    columns: dict[str, str]
    staged: dict[str, list[Path]]
    sha256: str


def write_lines(
    folder: Path,
    table: Table,
    source: SourceFile,
    received: Sequence[ReceivedColumn],
    *,
    landed_on: date,
    threads: int,
) -> WrittenLines:
    """Write each line of `source` as a row of Parquet files below the empty `folder`.

    Raises IngestError for a faulty file, OSError when the disk does not suffice.
    """
    header = tuple(column.name for column in received)
    layout = LineLayout(table, header, source.name, landed_on)
    parts: dict[str, _PartitionFiles] = {}
    with open_lines(source) as reader, ExitStack() as open_files:
        if tuple(reader.header) != header:
            raise IngestError(f"{place(source)}: changed while it was read; land it again")
        for rows in _converted(reader.blocks(BLOCK_BYTES), layout, threads):
            for name, part in rows.items():
                if name not in parts:
                    stem = folder / f"{len(parts)}"
                    parts[name] = open_files.enter_context(_PartitionFiles(stem, layout.schema))
                parts[name].add(part)
    staged = {name: files.paths for name, files in parts.items()}
    return WrittenLines(layout.engine_types, staged, reader.sha256)


def _converted(
    blocks: Iterator[tuple[int, bytes]], layout: LineLayout, threads: int
) -> Iterator[dict[str, pa.Table]]:
    """Yield the rows of each block in order, while later blocks are converted."""
    ahead: deque[Future[dict[str, pa.Table]]] = deque()
    # Only unusual values reach the engine, few at a time.
    with duckdb.connect(config={"threads": 1}) as engine, ThreadPoolExecutor(threads) as pool:
        convert = partial(_rows_of, layout=layout, connect=engine.cursor)
        for number, text in blocks:
            ahead.append(pool.submit(convert, number, text))
            if len(ahead) > threads + 1:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def _rows_of(
    number: int,
    text: bytes,
    *,
    layout: LineLayout,
    connect: Callable[[], duckdb.DuckDBPyConnection],
) -> dict[str, pa.Table]:
    with connect() as engine:
        return partitioned_rows(parse_block(text, len(layout.header), number), layout, engine)


class _PartitionFiles:
    """The Parquet files of one partition, begun anew where one grows long; a `with` block."""

    def __init__(self, stem: Path, schema: pa.Schema) -> None:
        self.paths: list[Path] = []
        self._stem = stem
        self._schema = schema
        self._waiting: list[pa.Table] = []
        self._rows_waiting = 0
        self._rows_in_file = 0
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> _PartitionFiles:
        return self

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
        if failure is None:
            self._write()
        if self._writer is not None:
            self._writer.close()

    def add(self, rows: pa.Table) -> None:
        self._waiting.append(rows)
        self._rows_waiting += len(rows)
        if self._rows_waiting >= _GROUP_ROWS:
            self._write()

    def _write(self) -> None:
        if not self._waiting:
            return
        rows = pa.concat_tables(self._waiting)
        self._waiting, self._rows_waiting = [], 0
        if self._writer is None or self._rows_in_file + len(rows) > _FILE_ROWS:
            self._writer = self._next_file(rows)
        self._writer.write_table(rows, row_group_size=len(rows))
        self._rows_in_file += len(rows)

    def _next_file(self, rows: pa.Table) -> pq.ParquetWriter:
        if self._writer is not None:
            self._writer.close()
        self._rows_in_file = 0
        self.paths.append(Path(f"{self._stem}-{len(self.paths)}.parquet"))
        repeated = [name for name in rows.column_names if _is_repeated(rows[name])]
        return pq.ParquetWriter(
            self.paths[-1],
            self._schema,
            compression="snappy",
            use_dictionary=repeated,
            column_encoding={
                name: "DELTA_BINARY_PACKED"
                for name in ("source_line", *_timestamps(self._schema))
                if name not in repeated
            },
        )


def _timestamps(schema: pa.Schema) -> list[str]:
    return [field.name for field in schema if pa.types.is_timestamp(field.type)]


def _is_repeated(values: pa.ChunkedArray) -> bool:
    """Tell whether a dictionary of the values would be small."""
    if pa.types.is_nested(values.type):
        return False
    return bool(pc.count_distinct(values).as_py() <= len(values) // 10)
