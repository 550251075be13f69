"""Texts of CSV lines as values: the quick casts, the exact ones, and what is no value."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from math import isfinite
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jinja2 import Environment

from tasks.contracts.spec import ColumnType
from tasks.line_values import cast_column

MACRO = Path(__file__).parents[2] / "dbt" / "macros" / "silver" / "utc_timestamps.sql"
NULLS = ["", "  ", "NULL", " none\t", "N/A", "nAn", None]
ENGINE = duckdb.connect()


def cast(texts: Sequence[str | None], kind: ColumnType) -> list[tuple[Any, bool]]:
    """(value, whether it is invalid) of each text."""
    found = cast_column(pa.array([text or None for text in texts], pa.string()), kind, ENGINE)
    invalid = set(found.invalid.tolist())
    return [(value, row in invalid) for row, value in enumerate(found.values.to_pylist())]


@pytest.mark.parametrize("kind", ["integer", "float", "timestamp", "boolean"])
def test_null_tokens_are_null_and_no_error(kind: ColumnType) -> None:
    assert cast(NULLS, kind) == [(None, False)] * len(NULLS)


def test_strings_stay_as_received() -> None:
    assert cast([" a ", "NULL", None], "string") == [(" a ", False), ("NULL", False), (None, False)]


def test_booleans() -> None:
    assert cast(["TRUE", "no", "maybe"], "boolean") == [
        (True, False),
        (False, False),
        (None, True),
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7),
        ("+7", 7),
        ("-7", -7),
        (" 7\t", 7),
        ("007", 7),
        ("0" * 30 + "7", 7),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("2053013552326770905", 2053013552326770905),
    ],
)
def test_integers(text: str, value: int) -> None:
    assert cast([text, "1"], "integer") == [(value, False), (1, False)]


@pytest.mark.parametrize(
    "text",
    [
        *("1.0", "1e3", "9223372036854775808", "-9223372036854775809", "0x1F", "1_000", "- 1"),
        *("+", "٣", "inf", "true", "1 2", "12a"),
    ],
)
def test_what_is_no_integer(text: str) -> None:
    assert cast([text, "1"], "integer") == [(None, True), (1, False)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("35.79", 35.79), ("0", 0.0), (" 1.5 ", 1.5), ("-2.50", -2.5), ("+1", 1.0)),
        *(("1e3", 1000.0), ("1.5E-2", 0.015), (".5", 0.5), ("5.", 5.0), ("1e-999", 0.0)),
        ("1" * 40, float("1" * 40)),
    ],
)
def test_floats(text: str, value: float) -> None:
    assert cast(["1", text], "float") == [(1.0, False), (value, False)]


@pytest.mark.parametrize(
    "text",
    ["inf", "-Infinity", "1e999", "9" * 400, ".", "1.2.3", "1,5", "0x1p3", "1e", "e3", "1_0", "$5"],
)
def test_what_is_no_finite_decimal(text: str) -> None:
    assert cast(["1", text], "float") == [(1.0, False), (None, True)]


NOON = "2024-02-29T12:00:00"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2024-02-29 12:00:00 UTC", NOON),
        ("2024-02-29T12:00:00", NOON),
        ("2024-02-29T12:00:00z", NOON),
        ("2024-02-29t12:00", NOON),
        ("2024-02-29 12:00:00.0000009 utc", NOON),
        (" 2024-02-29 12:00Z ", NOON),
        ("2024-02-29 14:00:00+02", NOON),
        ("2024-02-29 06:30:00 -0530", NOON),
        ("2024-02-29 12:00:00.123456UTC", f"{NOON}.123456"),
        ("2024-02-29", "2024-02-29T00:00:00"),
        ("0001-01-01 00:00:00 UTC", "0001-01-01T00:00:00"),
        ("9999-12-31 23:59:59 UTC", "9999-12-31T23:59:59"),
        ("2000-02-29 00:00:00Z", "2000-02-29T00:00:00"),
    ],
)
def test_timestamps(text: str, value: str) -> None:
    found = cast([text, "1999-12-31 23:59:59 UTC"], "timestamp")
    assert [(moment.isoformat(), invalid) for moment, invalid in found] == [
        (value, False),
        ("1999-12-31T23:59:59", False),
    ]


@pytest.mark.parametrize(
    "text",
    [
        *("2023-02-29 12:00:00 UTC", "1900-02-29 12:00:00 UTC", "2024-13-01 12:00:00 UTC"),
        *("2024-00-01 12:00:00 UTC", "2024-01-00 12:00:00 UTC", "2024-04-31 12:00:00 UTC"),
        *("2024-01-01 24:00:00 UTC", "2024-01-01 12:60:00 UTC", "2024-01-01 12:00:60 UTC"),
        *("2024-01-01 12:00:00 CET", "2024-1-1 12:00:00 UTC", "0000-01-01 00:00:00 UTC"),
        *("2024-01-01  2:00:00 UTC", "2024-01-01_12:00:00 UTC", "yesterday", "1700000000"),
        *("2024-01-01 12", "2024-01-01 12:00:00  UTC", "2024-01-01 12:00:00 +25"),
    ],
)
def test_what_is_no_timestamp(text: str) -> None:
    assert cast([text], "timestamp") == [(None, True)]


def silver_timestamps(texts: Sequence[str]) -> list[datetime | None]:
    """What silver's macro makes of `texts`."""
    template = Environment(autoescape=False).from_string(
        MACRO.read_text() + "{{ to_utc_timestamp('text') }}"
    )
    relation = ENGINE.from_arrow(pa.table({"text": pa.array(texts, pa.string())}))
    return [row[0] for row in relation.project(template.render().strip()).fetchall()]


TIMES = st.from_regex(
    re.compile(
        r"(0000|0001|1900|20\d\d)-[01]\d-[0-3]\d([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,8})?)? ?"
        r"(Z|UTC|utc|[+-]\d{2}(:?\d{2})?)?)?",
        re.ASCII,
    ),
    fullmatch=True,
)


@given(st.lists(st.one_of(TIMES, st.text("0123456789-:TZ .+", max_size=25)), min_size=1))
@settings(max_examples=150, deadline=None)
def test_landing_and_silver_read_the_same_timestamps(texts: list[str]) -> None:
    texts = [text.strip() or "x" for text in texts]
    assert [value for value, _ in cast(texts, "timestamp")] == silver_timestamps(texts)


NUMBERS = st.one_of(
    st.integers(-(2**65), 2**65).map(str),
    st.floats().map(repr),
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
    st.text("0123456789.+-e ", max_size=12),
)


@given(st.lists(NUMBERS, min_size=1, max_size=30))
@example(["1", ""])
@settings(max_examples=200, deadline=None)
def test_numbers_are_those_of_an_exact_reading(texts: list[str]) -> None:
    assert cast(texts, "integer") == [exact(t, r"[+-]?[0-9]+", int) for t in texts]
    decimal = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"
    assert cast(texts, "float") == [exact(t, decimal, float) for t in texts]


def exact(text: str, pattern: str, kind: type[int] | type[float]) -> tuple[Any, bool]:
    text = text.strip(" \t\r\n")
    if text.casefold() in ("", "none", "null", "n/a", "nan"):
        return None, False
    if not re.fullmatch(pattern, text):
        return None, True
    value = kind(text)
    fits = -(2**63) <= value < 2**63 if kind is int else isfinite(value)
    return (value, False) if fits else (None, True)
