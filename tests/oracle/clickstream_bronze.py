"""From CSV event files to the rows of bronze, as the clickstream contract reads.

Belongs here: which files are landed, lines, RFC 4180 quotes, casts and the reasons of lines that
cannot be read. Does not: the rules of silver (`clickstream_silver`), types in general (`values`).
"""

import gzip
import hashlib
import math
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from .table import Row
from .values import INT64, text, timestamp

MALFORMED = "malformed_line"
BOM = b"\xef\xbb\xbf"
SUFFIXES = (".csv", ".csv.gz")

_INTEGER = re.compile(r"[+-]?0*\d{1,19}", re.ASCII)  # no int64 has more digits
_DECIMAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)


class RefusedFileError(ValueError):
    """A file that cannot be landed at all; names it and the columns that it lacks."""


def whole_number(field: str) -> int | None:
    """An optional sign and digits, within int64."""
    if not _INTEGER.fullmatch(field):
        return None
    return int(field) if int(field) in INT64 else None


def decimal_number(field: str) -> float | None:
    """A finite decimal number, exponent allowed."""
    if not _DECIMAL.fullmatch(field):
        return None
    return float(field) if math.isfinite(float(field)) else None


# Strings stay as received and cast always; None stands for that.
CASTS: dict[str, Callable[[str], Any] | None] = {
    "event_time": timestamp,
    "event_type": None,
    "product_id": whole_number,
    "category_id": whole_number,
    "category_code": None,
    "brand": None,
    "price": decimal_number,
    "user_id": whole_number,
    "user_session": None,
}
BRONZE_COLUMNS = [
    *CASTS,
    "raw_line",
    "ingestion_timestamp",
    "created_at",
    "source_file",
    "source_line",
]


def read_events(source: Path, landed_at: datetime) -> list[Row]:
    """The bronze rows of a file or of every file under a folder, landed by one run.

    A row has the bronze columns, `reasons` (why its line cannot be read; empty for one that can)
    and the file's new columns. Raises RefusedFileError for a file that lacks a column.
    """
    rows: list[Row] = []
    landed: set[bytes] = set()
    for name, path in files_under(source):
        content = path.read_bytes()
        digest = hashlib.sha256(content).digest()
        if digest in landed:
            continue
        landed.add(digest)
        plain = gzip.decompress(content) if name.endswith(".gz") else content
        for row in parse_file(name, plain):
            rows.append({**row, "ingestion_timestamp": landed_at, "created_at": landed_at})
    return rows


def files_under(source: Path) -> list[tuple[str, Path]]:
    """Each file's name, as in `source_file`, and where it lies, in byte order of the names."""
    if source.is_file():
        return [(source.name, source)]
    found = [
        (path.relative_to(source).as_posix(), path)
        for path in source.rglob("*")
        if path.is_file() and path.name.endswith(SUFFIXES)
    ]
    return sorted(found, key=lambda pair: pair[0].encode())


def parse_file(name: str, content: bytes) -> list[Row]:
    """The rows of one file's bytes, without the times of landing."""
    lines = physical_lines(content.removeprefix(BOM))
    header = _header(name, next(lines, b""))
    return [
        {**_read_line(header, line), "source_file": name, "source_line": number}
        for number, line in enumerate(lines, start=2)
        if line.strip()
    ]


def physical_lines(content: bytes) -> Iterator[bytes]:
    """The lines without their ends, LF or CRLF; what follows the last end is a line too."""
    *ended, rest = content.split(b"\n")
    for line in ended:
        yield line.removesuffix(b"\r")
    if rest:
        yield rest


def split_fields(line: str) -> list[str] | None:
    """The fields of a line, quotes honoured; None where a quote is left open.

    A quote opens only at the start of a field, as in RFC 4180; elsewhere it stands for itself.
    """
    fields: list[str] = []
    at = 0
    while True:
        field = ""
        if line[at : at + 1] == '"':
            quoted = _quoted(line, at + 1)
            if quoted is None:
                return None
            field, at = quoted
        comma = line.find(",", at)
        if comma < 0:
            return [*fields, field + line[at:]]
        fields.append(field + line[at:comma])
        at = comma + 1


def _quoted(line: str, start: int) -> tuple[str, int] | None:
    """The text up to the closing quote, and the place after it."""
    content = ""
    at = start
    while True:
        quote = line.find('"', at)
        if quote < 0:
            return None
        content += line[at:quote]
        if line[quote + 1 : quote + 2] != '"':
            return content, quote + 1
        content += '"'
        at = quote + 2


def _header(name: str, line: bytes) -> list[str]:
    try:
        columns = [field.strip() for field in split_fields(line.decode()) or []]
    except UnicodeDecodeError:
        columns = []
    lacking = [column for column in CASTS if column not in columns]
    if lacking:
        raise RefusedFileError(f"{name}: the header lacks {', '.join(lacking)}")
    return columns


def _read_line(header: list[str], line: bytes) -> Row:
    """The nine columns, `raw_line`, `reasons` and any new columns of one line."""
    try:
        whole = line.decode()
    except UnicodeDecodeError:
        return _unreadable(line.decode(errors="replace"), [MALFORMED])
    fields = split_fields(whole)
    if fields is None or len(fields) != len(header):
        return _unreadable(whole, [MALFORMED])
    row: Row = {}
    reasons = []
    for column, received in zip(header, fields, strict=True):
        cast = CASTS.get(column)
        if cast is None:
            row[column] = received or None
            continue
        value = text(received)
        row[column] = None if value is None else cast(value)
        if value is not None and row[column] is None:
            reasons.append(f"invalid_{column}")
    if reasons:
        ordered = [f"invalid_{column}" for column in CASTS]
        return _unreadable(whole, sorted(reasons, key=ordered.index))
    return {**row, "raw_line": None, "reasons": []}


def _unreadable(whole: str, reasons: list[str]) -> Row:
    return {**dict.fromkeys(CASTS), "raw_line": whole, "reasons": reasons}
