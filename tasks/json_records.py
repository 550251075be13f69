"""The records of a JSON text: objects one after another, in arrays, in envelopes, or a line each.

Belongs here: cutting a stream of text into records, malformed ones included, none lost. Does not
belong here: opening files (`json_files.py`), or what becomes of a record (`feed_lines.py`).

Text arrives in pieces that end with lines, so that a file of lines never lies in memory whole; a
value that spans pieces is read once they are together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from tasks.json_text import BLANKS, JsonReader, NotJsonError, canonical, compact

IDENTITIES = ("id", "task_id")
_BLANK = re.compile(r"[ \t\r\n]*")
_NEXT_VALUE = re.compile(r"\n(?=[{\[])")
_BAD_BYTE = re.compile("[\udc80-\udcff]")
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


@dataclass(frozen=True)
class JsonRecord:
    """A record: the `fields` of an object with its `text` in one line, or a malformed text."""

    text: str
    fields: dict[str, Any] | None

    @property
    def is_malformed(self) -> bool:
        return self.fields is None


def records_of(pieces: Iterable[str], envelope: str) -> Iterator[JsonRecord]:
    """Yield the records of a text that comes in `pieces`, each but the last ending with a line.

    `envelope` is the name of the array that makes an object an envelope. Bytes that are no UTF-8
    stand in the text as Python's surrogate escapes, and make the value that they are in no JSON.
    """
    rest: str = ""
    added: list[str] = []
    for piece, is_last in _with_end(pieces):
        added.append(piece)
        # What did not end is read again once there is twice as much: not with every piece.
        if not is_last and sum(map(len, added)) < len(rest):
            continue
        text = rest + "".join(added)
        cutter = _Cutter(text, envelope, is_last=is_last)
        yield from cutter.records()
        rest, added = text[cutter.position :], []


def _with_end(pieces: Iterable[str]) -> Iterator[tuple[str, bool]]:
    """Yield each piece with whether it is the last; one empty piece where there is none."""
    waiting: str | None = None
    for piece in pieces:
        if waiting is not None:
            yield waiting, False
        waiting = piece
    yield waiting or "", True


class _Cutter:
    """Reads a text from its beginning up to what may go on in the next piece: `position`."""

    def __init__(self, text: str, envelope: str, *, is_last: bool) -> None:
        self.position = 0
        self._text = text
        self._end = len(text) if is_last else len(text.rstrip(BLANKS))
        self._envelope = envelope
        self._is_last = is_last
        self._reader = JsonReader()

    def records(self) -> Iterator[JsonRecord]:
        while True:
            begin = _after_blanks(self._text, self.position)
            if begin >= len(self._text):
                self.position = len(self._text)
                return
            try:
                value, end = self._reader.value_at(self._text, begin)
                if end >= self._end and not self._is_last and isinstance(value, int | float):
                    return  # more digits may follow
                found = list(self._records(value, begin, end))
            except NotJsonError as error:
                if error.position >= self._end and not self._is_last:
                    return
                following = _NEXT_VALUE.search(self._text, begin)
                if following is None and not self._is_last:
                    return
                end = following.end() if following else len(self._text)
                found = [JsonRecord(_legible(self._text[begin:end]).strip(BLANKS), None)]
            self.position = end
            yield from found

    def _records(self, value: Any, begin: int, end: int) -> Iterator[JsonRecord]:
        if _BAD_BYTE.search(self._text, begin, end):
            raise NotJsonError(begin)
        if isinstance(value, list):
            yield from self._elements(begin)
        elif isinstance(value, dict) and self._is_envelope(value):
            yield from self._elements(self._begin_of_envelope(begin))
        else:
            yield self._record(value, begin, end)

    def _is_envelope(self, value: dict[str, Any]) -> bool:
        held = isinstance(value.get(self._envelope), list)
        return held and not any(name in value for name in IDENTITIES)

    def _begin_of_envelope(self, position: int) -> int:
        """Return where the array of an envelope begins: the last one, if it is named twice."""
        found, position = 0, _after_blanks(self._text, position + 1)
        while self._text[position] != "}":
            name, position = self._reader.value_at(self._text, position)
            position = _after_blanks(self._text, _after_blanks(self._text, position) + 1)
            if name == self._envelope:
                found = position
            _, position = self._reader.value_at(self._text, position)
            position = _after_blanks(self._text, position)
            if self._text[position] == ",":
                position = _after_blanks(self._text, position + 1)
        return found

    def _elements(self, position: int) -> Iterator[JsonRecord]:
        """Yield the elements of the array, known to be one, that begins at `position`."""
        position = _after_blanks(self._text, position + 1)
        while self._text[position] != "]":
            value, end = self._reader.value_at(self._text, position)
            yield self._record(value, position, end)
            position = _after_blanks(self._text, end)
            if self._text[position] == ",":
                position = _after_blanks(self._text, position + 1)

    def _record(self, value: Any, begin: int, end: int) -> JsonRecord:
        if not isinstance(value, dict):
            return JsonRecord(canonical(value), None)
        text = self._text[begin:end]
        if self._reader.has_doubles or _ESCAPED_SURROGATE.search(text):
            return JsonRecord(compact(value), value)
        # Ends of lines stand between tokens only: strings hold none.
        return JsonRecord(text.replace("\r", " ").replace("\n", " "), value)


def _after_blanks(text: str, position: int) -> int:
    found = _BLANK.match(text, position)
    return found.end() if found else position


def _legible(text: str) -> str:
    """Spell bytes that are no UTF-8 as `\\xNN`."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
