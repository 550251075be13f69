"""Reading JSON in every shape loses nothing, and tells what is none."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.contracts.errors import IngestError
from tasks.feed_lines import LineOrigin, bronze_line, folder_of, received, scalar
from tasks.json_files import JsonFile
from tasks.json_records import JsonRecord, records_of
from tasks.json_text import canonical, leaves, number_of, parsed
from tests.oracle.coordination_reader import canonical as oracle_canonical
from tests.oracle.coordination_reader import records as oracle_records

TEXT = st.text(st.characters(codec="utf-8"), max_size=6)
NUMBERS = st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(TEXT | st.sampled_from(["id", "layer", "tasks"]), VALUES, max_size=4)


def read(text: str, size: int | None = None) -> list[JsonRecord]:
    lines = text.splitlines(keepends=True) if size is None else [text]
    pieces = ["".join(lines[at : at + (size or 1)]) for at in range(0, len(lines), size or 1)]
    return list(records_of(pieces, "tasks"))


def kinds(text: str) -> list[Any]:
    return [record.fields if record.fields is not None else record.text for record in read(text)]


@settings(max_examples=60, deadline=None)
@given(st.lists(OBJECTS, max_size=5), st.sampled_from([None, 1]), st.booleans())
def test_objects_come_back_whatever_stands_between_them(
    objects: list[dict[str, Any]], indent: int | None, is_array: bool
) -> None:
    texts = [json.dumps(found, indent=indent, ensure_ascii=False) for found in objects]
    text = f"[{','.join(texts)}]" if is_array else "\n\r\t ".join(texts)
    # Line separators of Unicode are content: only LF ends a line of bronze.
    wanted = objects if is_array else [e for o in objects for e in _unwrapped(o)]
    found = list(records_of([text], "tasks"))
    assert [r.fields if r.fields is not None else parsed(r.text) for r in found] == wanted
    assert all("\n" not in record.text for record in found)


def _unwrapped(value: dict[str, Any]) -> list[Any]:
    held = value.get("tasks")
    return held if isinstance(held, list) and "id" not in value else [value]


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        OBJECTS.map(json.dumps)
        | st.sampled_from(
            ['{"a":', "NaN", "]", '"text"', "1 2", "{}}", "[1,{}]", '{"tasks":[', ""]
        ),
        max_size=8,
    ),
    st.sampled_from(["\n", " ", "\r\n", "\n\n"]),
)
def test_any_text_is_cut_as_the_contract_says_in_whatever_pieces_it_comes(
    texts: list[str], between: str
) -> None:
    text = between.join(texts)
    wanted = [found if found is not None else raw for found, raw in _of_oracle(text)]
    assert kinds(text) == wanted
    whole = list(records_of([text], "tasks"))
    assert [record.fields or record.text for record in whole] == [
        record.fields or record.text for record in read(text)
    ]


def _of_oracle(text: str) -> list[tuple[dict[str, Any] | None, str]]:
    return list(oracle_records(text.encode(), "tasks"))


@settings(max_examples=60, deadline=None)
@given(VALUES)
def test_canonical_json_is_one_spelling_of_a_value(value: Any) -> None:
    assert canonical(value) == oracle_canonical(value)
    assert parsed(canonical(value)) == value


@settings(max_examples=60, deadline=None)
@given(OBJECTS)
def test_a_line_of_bronze_gives_back_what_was_received(fields: dict[str, Any]) -> None:
    from datetime import date

    text = json.dumps(fields, ensure_ascii=False)
    (record,) = records_of([text], "no such array")
    line = bronze_line(record, 7, LineOrigin("a/b.json", date(2026, 1, 8), "id", "c"))
    assert "\n" not in line
    assert received(line) == fields
    members = json.loads(line)
    assert members["ingested_at"] == "2026-01-08T00:00:00Z"
    assert (members["layer"], members["source_row"]) == ("bronze", 7)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", []),
        (" \r\n\t", []),
        ('{"tasks": [{"a": 1}, 2], "version": 3}', [{"a": 1}, "2"]),
        ('{"tasks": [{"a": 1}], "id": null}', [{"tasks": [{"a": 1}], "id": None}]),
        ('{"tasks": {"a": 1}}', [{"tasks": {"a": 1}}]),
        ('{"tasks": [], "tasks": [{"b": 1}]}', [{"b": 1}]),
        ('{"a": NaN}\n{"b": 1}', ['{"a": NaN}', {"b": 1}]),
        ('{"a": 1,}\n  {"b": 1}\n[{"c": 1}]', ['{"a": 1,}\n  {"b": 1}', {"c": 1}]),
        ("[1, {}", ["[1, {}"]),
        ('{"a": "x\ny"}', ['{"a": "x\ny"}']),
        ('{"a": 1, "a": 2}', [{"a": 2}]),
        ('{"a": 1}{"b": 2} [3]', [{"a": 1}, {"b": 2}, "3"]),
        ('"é"\nnull', ['"é"', "null"]),
        ("[" * 5000, ["[" * 5000]),
        ("1" * 5000, ["1" * 5000]),
    ],
)
def test_shapes(text: str, wanted: list[Any]) -> None:
    assert kinds(text) == wanted


def test_a_value_that_spans_pieces_is_read_once_it_is_whole() -> None:
    text = json.dumps({"tasks": [{"n": number} for number in range(500)]}, indent=1)
    assert [record.fields for record in read(text)] == [{"n": number} for number in range(500)]


def test_bytes_that_are_no_utf_8_make_a_value_malformed(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}\n{"a": "\xff"}\n{"a": "\xc3\xa9"}')
    found = list(records_of(JsonFile(path, "a.json").pieces(), "tasks"))
    assert [record.fields for record in found] == [{"a": 1}, None, {"a": "é"}]
    assert found[1].text == '{"a": "\\xff"}'


def test_a_torn_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"a": 1}\n' * 9000)[:-9])
    with pytest.raises(IngestError, match=r"a\.jsonl\.gz: is no whole gzip file"):
        list(JsonFile(path, "a.jsonl.gz").pieces())
    path.write_bytes(b'{"a": 1}')
    with pytest.raises(IngestError, match="is no gzip file"):
        list(JsonFile(path, "a.jsonl.gz").pieces())


def test_numbers_that_no_double_holds_keep_their_digits() -> None:
    assert canonical(parsed('{"b": 1e999, "a": [1.00, 100000000000000000000]}')) == (
        '{"a":[1.0,100000000000000000000],"b":1e999}'
    )
    assert number_of(parsed("1e999")) is None
    assert number_of(10**400) is None
    assert number_of(True) is None
    assert number_of(3) == 3.0


def test_halves_of_characters_are_replaced() -> None:
    (record,) = records_of(['{"a": "\\ud800x", "b": "\\ud83d\\ude00"}'], "tasks")
    assert record.text.encode()
    assert record.text == '{"a":"\N{REPLACEMENT CHARACTER}x","b":"😀"}'


def test_scalars_and_leaves() -> None:
    values = [" x\n", " N/A ", "", True, None, 1.50, 3, {}, ["a"]]
    assert [scalar(value) for value in values] == [
        *("x", None, None, "true", None, "1.5", "3", None, None)
    ]
    nested = {"master": "m", "a": {"b.c": {"d": 1}, "master": 2, "e": {}}, "F ": [1]}
    assert list(leaves(nested, frozenset({"master"}))) == [
        *(("a.b.c.d", 1), ("a.master", 2), ("F ", [1]))
    ]


@pytest.mark.parametrize(
    ("value", "folder"),
    [
        ("Fleet ", "fleet"),
        (None, "fallback"),
        ("../..", "%2E%2E%2F%2E%2E"),
        ("_x", "%5Fx"),
        ("a b/é", "a%20b%2F%C3%A9"),
        (7, "7"),
    ],
)
def test_folders_are_named_for_values(value: Any, folder: str) -> None:
    from datetime import date

    origin = LineOrigin("a", date(2026, 1, 8), "master", "Fallback")
    record = JsonRecord("", {"master": value})
    assert folder_of(record, origin) == f"{folder}/ingested_at=2026-01-08"
    assert len(folder_of(JsonRecord("", {"master": "x" * 5000}), origin)) < 130
