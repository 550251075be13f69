"""Reading a JSON file in pieces of whole lines, once from end to end.

Belongs here: bytes of source files, plain or compressed, and their hash as they were read. Does not
belong here: what the text holds (`json_records.py`).
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from tasks.contracts.errors import IngestError

PIECE_BYTES = 1 << 20
_BOM = b"\xef\xbb\xbf"
_GZIP = b"\x1f\x8b"


class JsonFile:
    """A JSON file; `pieces` may be called once, and `sha256`, of the file's bytes, after it."""

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._name = name
        self._hash = hashlib.sha256()

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def pieces(self, size: int = PIECE_BYTES) -> Iterator[str]:
        """Yield the text in pieces of whole lines of about `size` bytes, without a BOM.

        Bytes that are no UTF-8 become surrogate escapes. Raises IngestError for a file that calls
        itself compressed, or begins so, and is not whole.
        """
        with self._path.open("rb") as file:
            for number, piece in enumerate(_lines(self._unpacked(file, size))):
                content = piece.removeprefix(_BOM) if number == 0 else piece
                yield content.decode("utf-8", "surrogateescape")

    def _unpacked(self, file: BinaryIO, size: int) -> Iterator[bytes]:
        hashed = _Hashed(file, self._hash)
        head = file.peek(2)[:2] if hasattr(file, "peek") else b""
        if head != _GZIP:
            if self._path.suffix.lower() == ".gz" and head:
                raise IngestError(f"{self._name}: is no gzip file; transfer it again")
            while chunk := hashed.read(size):
                yield chunk
            return
        try:
            with gzip.GzipFile(fileobj=cast("BinaryIO", hashed)) as unpacked:
                while chunk := unpacked.read(size):
                    yield chunk
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise IngestError(
                f"{self._name}: is no whole gzip file ({error}); transfer it again"
            ) from error


class _Hashed:
    """What `gzip` reads from: a file whose bytes are hashed as they go by."""

    def __init__(self, file: BinaryIO, digest: hashlib._Hash) -> None:
        self._file = file
        self._digest = digest

    def read(self, size: int = -1) -> bytes:
        chunk = self._file.read(size)
        self._digest.update(chunk)
        return chunk


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield what `chunks` hold, cut where lines end."""
    waiting: list[bytes] = []
    for chunk in chunks:
        end = chunk.rfind(b"\n") + 1
        if not end:
            waiting.append(chunk)
            continue
        yield b"".join([*waiting, chunk[:end]])
        waiting = [chunk[end:]] if end < len(chunk) else []
    if waiting:
        yield b"".join(waiting)
