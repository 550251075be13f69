"""Reading a file of CSV lines: its header, then blocks of whole lines, once from end to end.

Belongs here: bytes of source files, plain or compressed, and their hash as they were read. Does not
belong here: what is in a line (`line_blocks.py`), what becomes of it (`line_landing.py`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import pyarrow as pa

from tasks.contracts.errors import IngestError
from tasks.line_blocks import BOM, split_fields
from tasks.schema_drift import ReceivedColumn
from tasks.source_columns import broken_compression, check_header, place
from tasks.source_files import SourceFile

BLOCK_BYTES = 8 << 20
_LONGEST_LINE = 256 << 20


class LineReader:
    """The lines of an open file; `blocks` may be called once, and `sha256` after it."""

    def __init__(self, source: SourceFile, file: BinaryIO) -> None:
        self._source = source
        self._hashed = _HashedFile(file)
        self._stream: Any = self._hashed
        if source.compression is not None:
            raw = pa.PythonFile(self._hashed, mode="r")
            self._stream = pa.CompressedInputStream(raw, source.compression)
        head = self._read(_HEAD_BYTES)
        while b"\n" not in head and (more := self._read(_HEAD_BYTES)):
            head += more
            self._check_length(1, len(head))
        line, end, self._rest = head.removeprefix(BOM).partition(b"\n")
        self.header = _header(source, line.removesuffix(b"\r") if end else line)

    def blocks(self, size: int) -> Iterator[tuple[int, bytes]]:
        """Yield whole lines of about `size` bytes with the number of the first (2 at first)."""
        number = 2
        pieces = [self._rest] if self._rest else []
        while chunk := self._read(size):
            end = chunk.rfind(b"\n") + 1
            if not end:
                pieces.append(chunk)
                self._check_length(number, sum(map(len, pieces)))
                continue
            block = b"".join([*pieces, chunk[:end]])
            pieces = [chunk[end:]] if end < len(chunk) else []
            yield number, block
            number += block.count(b"\n")
        if pieces:
            yield number, b"".join(pieces)
        self._hashed.drain()

    @property
    def sha256(self) -> str:
        """The hash of the file's bytes as they were read."""
        return self._hashed.hash.hexdigest()

    def _read(self, size: int) -> bytes:
        try:
            return bytes(self._stream.read(size))
        except OSError as error:
            if error.errno is not None:  # the disk's failure, not the file's
                raise
            raise broken_compression(self._source, error) from error

    def _check_length(self, number: int, length: int) -> None:
        if length > _LONGEST_LINE:
            raise IngestError(
                f"{place(self._source)}: line {number} or one soon after it is longer than "
                f"{_LONGEST_LINE >> 20} MiB; end lines with LF or CRLF"
            )


_HEAD_BYTES = 1 << 16


@contextmanager
def open_lines(source: SourceFile) -> Iterator[LineReader]:
    """Open `source`; raises IngestError where it has no header or no whole compression."""
    with source.path.open("rb", buffering=0) as file:
        yield LineReader(source, file)


def line_columns(source: SourceFile) -> list[ReceivedColumn]:
    """Return the columns that the first line of `source` names, in its order."""
    with open_lines(source) as reader:
        return [ReceivedColumn(name, "text", "text") for name in reader.header]


class _HashedFile:
    """What `pyarrow.PythonFile` reads from: a file whose bytes are hashed as they go by."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.hash = hashlib.sha256()

    @property
    def closed(self) -> bool:
        return self._file.closed

    def read(self, size: int) -> bytes:
        chunk = self._file.read(size)
        self.hash.update(chunk)
        return chunk

    def drain(self) -> None:
        while self.read(BLOCK_BYTES):
            pass


def _header(source: SourceFile, line: bytes) -> list[str]:
    try:
        names = split_fields(line.decode())
    except UnicodeDecodeError as error:
        raise IngestError(
            f"{place(source)}: line 1 is no UTF-8 text (byte 0x{line[error.start]:02x}); "
            "save the file as UTF-8"
        ) from error
    if names is None:
        raise IngestError(
            f"{place(source)}: line 1: a quote is never closed; quote fields whole, "
            "double quotes in them"
        )
    check_header(source, names if line.strip() else [])
    return names
