"""Reading an object piece by piece.

Belongs here: a file-like view of objects that are fetched in parts. Does not belong here: fetching
a part, and trying that again.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

PART_BYTES = 8 * 2**20


class RangeReader(io.RawIOBase):
    """An object of `size` bytes as a seekable file; `part(start, stop)` fetches some of them."""

    def __init__(self, size: int, part: Callable[[int, int], bytes]) -> None:
        self._size = size
        self._part = part
        self._position = 0
        self._start, self._held = 0, b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, origin + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        if self._position >= self._size:
            return 0
        if not self._start <= self._position < self._start + len(self._held):
            stop = min(self._position + PART_BYTES, self._size)
            self._held = self._part(self._position, stop)
            self._start = self._position
        target = memoryview(buffer).cast("B")
        begin = self._position - self._start
        count = min(len(target), len(self._held) - begin)
        target[:count] = self._held[begin : begin + count]
        self._position += count
        return count
