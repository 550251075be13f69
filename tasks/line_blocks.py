"""CSV lines: a block of whole lines becomes columns of text, line by line, and loses none.

Belongs here: what a line and a field are, which lines are malformed, pure functions over bytes.
Does not belong here: reading files (`line_files.py`), what a value means (`line_values.py`).

Nearly all lines are plain, and Arrow parses those at once. The others (quotes that mean something,
another number of fields, stray bytes) are parsed one by one and put in their places.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from numpy.typing import NDArray

BOM = b"\xef\xbb\xbf"
_LF, _CR, _QUOTE, _COMMA = b'\n\r",'
_SPECIAL = frozenset('",\r\n')

Positions = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class LineBlock:
    """The rows of a block, in their order. Every column of a malformed line is NULL.

    `columns` are texts in the order of the file, an empty field NULL; `malformed` are rows.
    """

    columns: tuple[pa.Array, ...]
    source_line: Positions
    malformed: Positions
    text: bytes
    starts: Positions
    ends: Positions

    def raw_lines(self, rows: Sequence[int] | Positions) -> list[str]:
        """Return the lines of `rows` as they came, bytes that are no UTF-8 as `\\xNN`."""
        return [
            self.text[self.starts[row] : self.ends[row]].decode(errors="backslashreplace")
            for row in rows
        ]


def parse_block(text: bytes, fields: int, first_line: int) -> LineBlock:
    """Parse whole lines, the first of which is line `first_line`; only the last may lack its end.

    A line of nothing but white space is no row, yet it counts as a line.
    """
    data = np.frombuffer(text, np.uint8)
    ends = np.flatnonzero(data == _LF)
    if not text.endswith(b"\n") and text:
        ends = np.append(ends, len(text))
    starts = np.append(0, ends[:-1] + 1) if len(ends) else ends
    odd = np.flatnonzero(_odd_lines(text, data, starts, ends, fields - 1))
    has_crlf = b"\r" in text
    plain: list[bytes | memoryview] = []
    blanks: list[int] = []
    malformed: list[int] = []
    peculiar: dict[int, list[str]] = {}
    done = 0
    view = memoryview(text)
    for line in odd.tolist():
        start, end = int(starts[line]), int(ends[line])
        plain.append(view[done:start])
        done = min(end + 1, len(text))
        if has_crlf and text[end - 1 : end + 1] == b"\r\n" and end > start:
            end -= 1
        content = text[start:end]
        if not content.strip():
            blanks.append(line)
            continue
        values = _parse_line(content, fields)
        if values is None:
            malformed.append(line)
        elif any(_SPECIAL.intersection(value) for value in values):
            peculiar[line] = values
        else:
            plain.append(",".join(values).encode() + b"\n")
            continue
        plain.append(b"," * (fields - 1) + b"\n")
    cleaned = b"".join([*plain, view[done:]]) if done else text
    if b'"' in cleaned:  # those that are left stand around whole fields without a comma
        cleaned = cleaned.replace(b'"', b"")
    kept = np.delete(np.arange(len(ends)), blanks)
    columns = _text_columns(cleaned, fields, len(kept))
    if peculiar:
        rows = np.searchsorted(kept, list(peculiar))
        columns = _with_values(columns, rows, list(peculiar.values()))
    starts, ends = starts[kept], ends[kept]
    if has_crlf:
        ends = ends - ((ends > starts) & _is_crlf(data, ends))
    return LineBlock(
        tuple(columns), first_line + kept, np.searchsorted(kept, malformed), text, starts, ends
    )


def split_fields(line: str) -> list[str] | None:
    """Split a line at its commas, RFC 4180 quotes honoured; None where a quote is left open.

    A quote opens only at the beginning of a field; elsewhere it is content.
    """
    fields = []
    position = 0
    while True:
        quoted = ""
        if line.startswith('"', position):
            closing = position
            while True:
                begin = closing + 1
                closing = line.find('"', begin)
                if closing < 0:
                    return None
                quoted += line[begin:closing]
                if not line.startswith('"', closing + 1):
                    break
                quoted += '"'
                closing += 1
            position = closing + 1
        comma = line.find(",", position)
        if comma < 0:
            fields.append(quoted + line[position:])
            return fields
        fields.append(quoted + line[position:comma])
        position = comma + 1


def _parse_line(content: bytes, fields: int) -> list[str] | None:
    try:
        values = split_fields(content.decode())
    except UnicodeDecodeError:
        return None
    return values if values is not None and len(values) == fields else None


def _odd_lines(
    text: bytes, data: NDArray[np.uint8], starts: Positions, ends: Positions, wanted: int
) -> Flags:
    """Flag the lines that Arrow, told of no quotes, might not split as they are meant."""
    commas = np.flatnonzero(data == _COMMA)
    odd: Flags = np.diff(np.searchsorted(commas, ends), prepend=0) != wanted
    if wanted == 0:  # nothing tells a blank line from others
        odd[:] = True
    if b'"' in text:
        odd |= _unusual_quotes(data, starts, ends, commas)
    if b"\r" in text:  # Arrow would end a line at each
        returns = np.flatnonzero(data == _CR)
        stray = returns[~_is_crlf(data, returns + 1)]
        odd[np.searchsorted(ends, stray)] = True
    if not text.isascii() and not _is_utf8(text):
        others = np.unique(np.searchsorted(ends, np.flatnonzero(data > 127)))  # noqa: PLR2004
        for line in others.tolist():
            odd[line] |= not _is_utf8(text[starts[line] : ends[line]])
    return odd


def _unusual_quotes(
    data: NDArray[np.uint8], starts: Positions, ends: Positions, commas: Positions
) -> Flags:
    """Flag lines with quotes, but for those whose every pair encloses a whole field, no comma."""
    quotes = np.flatnonzero(data == _QUOTE)
    line = np.searchsorted(ends, quotes)
    before = np.searchsorted(quotes, starts)  # quotes before each line
    rank = np.arange(len(quotes)) - before[line]
    left = np.where(quotes == starts[line], _COMMA, data[quotes - 1])
    following = np.minimum(quotes + 1, len(data) - 1)
    right = np.where(quotes + 1 == ends[line], _COMMA, data[following])
    at_edge = np.where(rank % 2 == 0, left == _COMMA, (right == _COMMA) | (right == _CR))
    odd: Flags = np.diff(np.append(before, len(quotes))) % 2 == 1
    odd[line[~at_edge]] = True
    comma_line = np.searchsorted(ends, commas)
    inside = (np.searchsorted(quotes, commas) - before[comma_line]) % 2 == 1
    odd[comma_line[inside]] = True
    return odd


def _is_crlf(data: NDArray[np.uint8], ends: Positions) -> Flags:
    """Tell which of `ends` are the LF of a CRLF."""
    inside = np.minimum(ends, len(data) - 1)
    found: Flags = (ends < len(data)) & (data[inside] == _LF) & (data[ends - 1] == _CR) & (ends > 0)
    return found


def _is_utf8(text: bytes) -> bool:
    ends = pa.py_buffer(np.array([0, len(text)], np.int32))
    value = pa.StringArray.from_buffers(1, ends, pa.py_buffer(text))
    try:
        value.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _text_columns(text: bytes, fields: int, rows: int) -> list[pa.Array]:
    if not rows:
        return [pa.array([], pa.string())] * fields
    names = [str(number) for number in range(fields)]
    if text.startswith(BOM):  # content, as this is not the file's beginning; Arrow drops one
        text = BOM + text
    table = pa.csv.read_csv(
        pa.py_buffer(text),
        # The blocks themselves are parsed side by side.
        read_options=pa.csv.ReadOptions(
            use_threads=False, column_names=names, block_size=len(text) + 1
        ),
        parse_options=pa.csv.ParseOptions(
            quote_char=False, double_quote=False, ignore_empty_lines=False
        ),
        convert_options=pa.csv.ConvertOptions(
            check_utf8=False,
            column_types=dict.fromkeys(names, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
        ),
    )
    if table.num_rows != rows:
        raise RuntimeError(f"{table.num_rows} rows were parsed of {rows} lines")
    return [column.combine_chunks() for column in table.columns]


def _with_values(
    columns: Sequence[pa.Array], rows: Positions, values: Sequence[Sequence[str]]
) -> list[pa.Array]:
    mask = np.zeros(len(columns[0]), bool)
    mask[rows] = True
    put = [[value or None for value in column] for column in zip(*values, strict=True)]
    return [
        pc.replace_with_mask(column, pa.array(mask), pa.array(texts, pa.string()))
        for column, texts in zip(columns, put, strict=True)
    ]
