"""A block of CSV lines against a naive reading of the same bytes, line by line."""

from __future__ import annotations

import csv

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tasks.line_blocks import LineBlock, parse_block, split_fields

Row = tuple[int, str, list[str | None]]


def naive(content: bytes, fields: int) -> list[Row]:
    """(line, raw line where malformed, values) of each line, as the contract says it."""
    rows: list[Row] = []
    for number, line in enumerate(content.split(b"\n")):
        ended = number < content.count(b"\n")
        text = line[:-1] if ended and line.endswith(b"\r") else line
        if not text.strip():
            continue
        values = naive_fields(text)
        if values is None or len(values) != fields:
            raw = text.decode(errors="backslashreplace")
            rows.append((number, raw, [None] * fields))
        else:
            rows.append((number, "", [value or None for value in values]))
    return rows


def naive_fields(text: bytes) -> list[str] | None:
    try:
        line = text.decode()
    except UnicodeDecodeError:
        return None
    fields, field, state = [], "", "begin"
    for sign in line:
        if state == "inside":
            if sign == '"':
                state = "closed"
            else:
                field += sign
        elif sign == ",":
            fields.append(field)
            field, state = "", "begin"
        elif sign == '"' and state == "begin":
            state = "inside"
        elif sign == '"' and state == "closed":
            field += sign
            state = "inside"
        else:
            field += sign
            state = "plain"
    return None if state == "inside" else [*fields, field]


def rows_of(block: LineBlock) -> list[Row]:
    malformed = set(block.malformed.tolist())
    values = zip(*(column.to_pylist() for column in block.columns), strict=True)
    raw = block.raw_lines(range(len(block.source_line)))
    return [
        (line, raw[row] if row in malformed else "", list(each))
        for row, (line, each) in enumerate(zip(block.source_line.tolist(), values, strict=True))
    ]


def cut(content: bytes, size: int) -> list[bytes]:
    """Blocks of whole lines, each of about `size` bytes."""
    blocks, rest = [], content
    while rest:
        end = rest.find(b"\n", size) + 1 or len(rest)
        blocks.append(rest[:end])
        rest = rest[end:]
    return blocks


SIGNS = [b",", b'"', b"\n", b"\r\n", b"\r", b" ", b"\t", b"a", b"1", b"\xc3\xa9", b"\xff"]
SIGNS += [b"\x00", b"\xef\xbb\xbf", b"\x0b", b'""', b'",', b',"', b"a,b", b"\xe6", b"NULL", b"\\"]
MESS = st.lists(st.sampled_from(SIGNS), max_size=60).map(b"".join)
LINES = st.lists(
    st.lists(st.sampled_from([b"a", b'"a"', b'""', b"", b'"a,b"', b" b ", b'"c"d', b'e"f']))
    .map(b",".join)
    .flatmap(lambda line: st.sampled_from([line + b"\n", line + b"\r\n"])),
    max_size=8,
).map(b"".join)


@given(st.one_of(MESS, LINES, st.binary(max_size=80)), st.integers(1, 4), st.integers(0, 50))
@example(b'a,"b"\n"","x"\n"a""b",c\n', 2, 0)
@example(b'"a,b"\n"a","b"\n', 2, 100)
@example(b"a\r\rb,c\r\n", 2, 100)
@example(b"a,b\r", 2, 0)
@example(b"\xef\xbb\xbfa,b\n\xef\xbb\xbfa,b\n", 2, 0)
@example(b"\n \n\t\r\n\r\n", 1, 0)
@settings(max_examples=600, deadline=None)
def test_any_bytes_in_blocks_of_any_size_give_the_lines_of_a_naive_reading(
    content: bytes, fields: int, size: int
) -> None:
    found, line = [], 0
    for block in cut(content, size):
        found += rows_of(parse_block(block, fields, line))
        line += block.count(b"\n")
    assert found == naive(content, fields)


@given(st.text(alphabet='a",é \\', max_size=30))
@settings(max_examples=300, deadline=None)
def test_fields_are_those_of_the_csv_module_but_for_open_quotes(line: str) -> None:
    reader = csv.reader([line, ""])
    expected = next(reader)
    if reader.line_num > 1 and line.strip("\n"):  # it went on to the next line for the quote
        assert split_fields(line) is None
    else:
        assert split_fields(line) == (expected or [""])


@pytest.mark.parametrize(
    ("line", "raw"),
    [
        (b"a,b,c", "a,b,c"),
        (b"a", "a"),
        (b'a,"b', 'a,"b'),
        (b"caf\xe9,b", "caf\\xe9,b"),
        (b"caf\xc3\xa9", "café"),
    ],
)
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_malformed_line_is_kept_whole_without_its_end(line: bytes, raw: str, end: bytes) -> None:
    block = parse_block(b"x,y" + end + line + end + b"1,2" + end, 2, 5)
    assert block.malformed.tolist() == [1]
    assert block.raw_lines(block.malformed) == [raw]
    assert [column.to_pylist() for column in block.columns] == [["x", None, "1"], ["y", None, "2"]]
    assert block.source_line.tolist() == [5, 6, 7]


def test_a_quoted_comma_is_content_and_two_quotes_are_one() -> None:
    block = parse_block(b'"a, b",c\n"say ""so""",""\n', 2, 2)
    assert [column.to_pylist() for column in block.columns] == [
        ["a, b", 'say "so"'],
        ["c", None],
    ]
    assert not len(block.malformed)


def test_white_space_is_no_row_and_counts_as_lines() -> None:
    block = parse_block(b"\n  \t \r\na,b\n\r\nc,d", 2, 2)
    assert block.source_line.tolist() == [4, 6]
