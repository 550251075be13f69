"""What columns a source file has, and its text in a form that the engine reads.

Belongs here: header, keys and footer of source files; decompression. Does not belong here: judging
the columns (`schema_drift.py`), finding the faulty line (`source_faults.py`), landing rows.
"""

from __future__ import annotations

import csv
import hashlib
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.bronze_schema import type_family
from tasks.contracts.errors import IngestError
from tasks.schema_drift import ReceivedColumn
from tasks.source_faults import fault_of
from tasks.source_files import SourceFile

_BOM = b"\xef\xbb\xbf"
_CHUNK = 1 << 20


@contextmanager
def readable(source: SourceFile) -> Iterator[Path]:
    """Give a path from which the engine can read `source`, for the length of a `with` block.

    Compressed text is unpacked first: DuckDB takes the beginning of a truncated zstd file for all
    of it. A byte order mark is dropped. Other files are linked to, because the engine would take
    brackets and stars in a path for a pattern. Raises IngestError for a broken compression.
    """
    with TemporaryDirectory(prefix="landing-") as folder:
        path = Path(folder) / f"source.{source.format}"
        if source.compression is None and not _has_bom(source):
            path.symlink_to(source.path.absolute())
        else:
            _unpack(source, path)
        yield path


def _has_bom(source: SourceFile) -> bool:
    with source.path.open("rb") as file:
        return file.read(3) == _BOM


def _unpack(source: SourceFile, target: Path) -> None:
    with target.open("wb") as plain, source.path.open("rb") as packed:
        try:
            stream = (
                pa.CompressedInputStream(pa.PythonFile(packed), source.compression)
                if source.compression
                else packed
            )
            start = stream.read(len(_BOM))
            plain.write(start.removeprefix(_BOM))
            shutil.copyfileobj(stream, plain, _CHUNK)
        except OSError as error:
            if error.errno is not None:  # the disk's failure, not the file's
                raise
            raise broken_compression(source, error) from error


def broken_compression(source: SourceFile, error: OSError) -> IngestError:
    """Say that the compressed file `source` does not unpack."""
    return IngestError(
        f"{source.name}: is no whole {source.compression} file ({error}); transfer it again"
    )


def file_sha256(path: Path) -> str:
    """Return the lower-case hex SHA-256 of the bytes of `path`."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def received_columns(source: SourceFile) -> list[ReceivedColumn] | None:
    """Return the columns of `source`, or None for JSON lines that have no line.

    They are in the order of the file; keys of JSON lines in that of the alphabet. Raises
    IngestError when the file cannot be read as what its name says.
    """
    if source.format == "parquet":
        return _parquet_columns(source)
    with readable(source) as path:
        names = _csv_header(source, path) if source.format == "csv" else _jsonl_keys(source, path)
    return None if names is None else [ReceivedColumn(name, "text", "text") for name in names]


def _csv_header(source: SourceFile, path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8", newline="") as text:
            header = next(csv.reader(text, strict=True), [])
    except (csv.Error, UnicodeDecodeError) as error:
        raise _unreadable(source, path, error) from error
    check_header(source, header)
    return header


def check_header(source: SourceFile, header: Sequence[str]) -> None:
    """Raise IngestError where line 1 of a CSV file is no header."""
    if not header:
        raise IngestError(f"{place(source)}: line 1 must be the header with the column names")
    separator = next((s for s in (";", "\t", "|") if len(header) == 1 and s in header[0]), None)
    if separator is not None:
        raise IngestError(
            f"{place(source)}: fields are separated by {separator!r}; separate them by commas"
        )


_KEYS = """
    SELECT count(*),
        count(*) FILTER (json_type(json) <> 'OBJECT'),
        coalesce(list_sort(list_distinct(flatten(list(DISTINCT json_keys(json))))), [])
    FROM read_ndjson_objects(?)
"""


def _jsonl_keys(source: SourceFile, path: Path) -> list[str] | None:
    try:
        with duckdb.connect() as engine:
            found = engine.execute(_KEYS, [str(path)]).fetchone()
    except duckdb.Error as error:
        raise _unreadable(source, path, error) from error
    lines, strange, keys = found or (0, 0, [])
    if strange:
        raise _unreadable(source, path, "a line is no JSON object")
    return list(keys) if lines else None


def _parquet_columns(source: SourceFile) -> list[ReceivedColumn]:
    try:
        schema = pq.read_schema(source.path)
    except pa.ArrowInvalid as error:
        raise IngestError(
            f"{place(source)}: is no whole Parquet file ({error}); transfer it again"
        ) from error
    return [ReceivedColumn(f.name, type_family(f.type), str(f.type)) for f in schema]


def place(source: SourceFile) -> str:
    """Name `source` and its table, as errors begin."""
    return f"{source.name}: table {source.bronze}"


def _unreadable(source: SourceFile, path: Path, error: Exception | str) -> IngestError:
    return IngestError(f"{place(source)}: {fault_of(path, source.format, error)}")
