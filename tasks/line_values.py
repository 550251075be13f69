"""Values of CSV lines: columns of text become typed columns, and what does not fit is named.

Belongs here: what a text of each type looks like, and its value. Does not belong here: splitting
lines (`line_blocks.py`), what becomes of a line whose values do not fit (`line_rows.py`).

A value in its usual spelling is cast with arrays, whole columns at once; the others, few in most
files, are cast by the engine with the whole grammar.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tasks.contracts.spec import ColumnType

ARROW_TYPES: dict[ColumnType, pa.DataType] = {
    "string": pa.string(),
    "integer": pa.int64(),
    "float": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us"),
}
BLANKS = " \t\r\n"
NULL_TOKENS = ("", "none", "null", "n/a", "nan")

Flags = NDArray[np.bool_]
Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class CastColumn:
    """A typed column. `invalid` are the rows whose text has no value of the type: NULL there."""

    values: pa.Array
    invalid: NDArray[np.int64]


def cast_column(texts: pa.Array, kind: ColumnType, engine: duckdb.DuckDBPyConnection) -> CastColumn:
    """Cast a column of text to `kind`; `engine` casts the unusual spellings.

    Null tokens become NULL. Strings stay as they are.
    """
    if kind == "string":
        return CastColumn(texts, np.array([], np.int64))
    lengths, data = _bytes_of(texts)
    values, settled = _USUAL[kind](texts, lengths, data)
    settled |= lengths == 0  # NULL, as an empty field is
    if settled.all():
        return CastColumn(values, np.array([], np.int64))
    unsettled = np.flatnonzero(~settled)
    exact, is_invalid = _cast_exactly(texts.take(pa.array(unsettled)), kind, engine)
    values = pc.replace_with_mask(values, pa.array(~settled), exact)
    return CastColumn(values, unsettled[is_invalid])


def _bytes_of(texts: pa.Array) -> tuple[NDArray[np.int32], Bytes]:
    """The length of each text in bytes, 0 for NULL, and the bytes of all."""
    _, offsets, data = texts.buffers()
    bounds = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    lengths = np.diff(bounds)
    everything = np.frombuffer(data or b"", np.uint8)
    return lengths, everything[bounds[0] : bounds[-1]]


def _cast_exactly(
    texts: pa.Array, kind: ColumnType, engine: duckdb.DuckDBPyConnection
) -> tuple[pa.Array, Flags]:
    relation = engine.from_arrow(pa.table({"text": texts}))
    blanks = "chr(32) || chr(9) || chr(13) || chr(10)"
    tokens = ", ".join(f"'{token}'" for token in NULL_TOKENS)
    found = (
        relation.project(f"trim(text, {blanks}) AS text")
        .project(f"text, lower(text) IN ({tokens}) AS is_null")
        .project(f"is_null, CASE WHEN NOT is_null THEN {_EXACT[kind]} END AS value")
        .project("value, NOT is_null AND value IS NULL AS is_invalid")
        .to_arrow_table()
    )
    values = found["value"].cast(ARROW_TYPES[kind]).combine_chunks()
    return values, found["is_invalid"].to_numpy(zero_copy_only=False).astype(bool)


def _usual_integers(
    texts: pa.Array, lengths: NDArray[np.int32], data: Bytes
) -> tuple[pa.Array, Flags]:
    """Digits only, and not so many that they might not fit."""
    ends = np.cumsum(lengths, dtype=np.int64)
    usual = (lengths > 0) & (lengths <= _INT64_DIGITS)
    usual[_rows_of(np.flatnonzero(data - _ZERO > 9), ends)] = False  # noqa: PLR2004 - wraps below 0
    full = np.flatnonzero(lengths == _INT64_DIGITS)
    usual[full[data[ends[full] - _INT64_DIGITS] == _ZERO + 9]] = False
    return _only(texts, usual).cast(pa.int64()), usual


def _usual_floats(
    texts: pa.Array, lengths: NDArray[np.int32], data: Bytes
) -> tuple[pa.Array, Flags]:
    """Digits, with at most one point between them."""
    ends = np.cumsum(lengths, dtype=np.int64)
    usual = (lengths > 0) & (lengths <= _PLAIN_FLOAT_LENGTH)
    usual[_rows_of(np.flatnonzero((data - _ZERO > 9) & (data != _POINT)), ends)] = False  # noqa: PLR2004
    points = np.flatnonzero(data == _POINT)
    rows = _rows_of(points, ends)
    usual[rows[1:][rows[1:] == rows[:-1]]] = False
    at_edge = (points + 1 == ends[rows]) | (points == ends[rows] - lengths[rows])
    usual[rows[at_edge]] = False
    return _only(texts, usual).cast(pa.float64()), usual


def _usual_timestamps(
    texts: pa.Array, lengths: NDArray[np.int32], data: Bytes
) -> tuple[pa.Array, Flags]:
    """`2019-10-01 00:00:00` or with a `T`, then nothing, ` UTC` or `Z`."""
    moments = np.zeros(len(texts), np.int64)
    usual = np.zeros(len(texts), bool)
    for zone in (b" UTC", b"Z", b""):
        of_length = lengths == _SECOND_LENGTH + len(zone)
        if not of_length.any():
            continue
        chosen = data if of_length.all() else data[np.repeat(of_length, lengths)]
        signs = chosen.reshape(-1, _SECOND_LENGTH + len(zone))
        found, fits = _moments(signs)
        for position, sign in enumerate(zone, start=_SECOND_LENGTH):
            fits &= signs[:, position] == sign
        moments[of_length] = found
        usual[of_length] = fits
    return pa.array(moments, mask=~usual).cast(pa.timestamp("us")), usual


def _moments(signs: Bytes) -> tuple[NDArray[np.int64], Flags]:
    """Microseconds since 1970 of `YYYY-MM-DD HH:MM:SS`, and whether that is what is there."""
    digits = (signs[:, _DIGIT_PLACES] - _ZERO).T
    fits = (digits <= 9).all(axis=0)  # noqa: PLR2004
    for place, sign in _PUNCTUATION:
        fits &= signs[:, place] == sign
    fits &= (signs[:, 10] == ord(" ")) | (signs[:, 10] == ord("T"))
    pairs = digits[0::2].astype(np.int32) * 10 + digits[1::2]
    century, short_year, month, day, hour, minute, second = pairs
    year = century * 100 + short_year
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    last_day = _MONTH_DAYS[np.minimum(month, 12)] + (leap & (month == 2))  # noqa: PLR2004
    fits &= (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= last_day)  # noqa: PLR2004
    fits &= (hour <= 23) & (minute <= 59) & (second <= 59)  # noqa: PLR2004
    years = np.maximum(year, 1) - 1
    days = years * 365 + years // 4 - years // 100 + years // 400
    days += _DAYS_BEFORE[np.minimum(month, 12)] + (leap & (month > 2)) + day - 1  # noqa: PLR2004
    seconds = (days - _DAYS_TO_1970).astype(np.int64) * 86400
    return (seconds + hour * 3600 + minute * 60 + second) * 1_000_000, fits


def _nothing_usual(
    texts: pa.Array, lengths: NDArray[np.int32], _data: Bytes
) -> tuple[pa.Array, Flags]:
    return pa.nulls(len(texts), pa.bool_()), np.zeros(len(lengths), bool)


def _rows_of(positions: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.searchsorted(ends, positions, side="right")


def _only(texts: pa.Array, usual: Flags) -> pa.Array:
    """`texts` with NULL in the rows that are not `usual`."""
    if usual.sum() == len(texts) - texts.null_count:
        return texts
    return pc.if_else(pa.array(usual), texts, pa.scalar(None, pa.string()))


_ZERO, _POINT = ord("0"), ord(".")
_INT64_DIGITS = 19
_PLAIN_FLOAT_LENGTH = 30
_SECOND_LENGTH = len("2019-10-01 00:00:00")
_DIGIT_PLACES = [0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18]
_PUNCTUATION = ((4, ord("-")), (7, ord("-")), (13, ord(":")), (16, ord(":")))
_MONTH_DAYS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], np.int32)
_DAYS_BEFORE = np.append(0, np.append(0, np.cumsum(_MONTH_DAYS[1:-1]))).astype(np.int32)
_DAYS_TO_1970 = 719162
_USUAL: dict[ColumnType, Callable[[pa.Array, NDArray[np.int32], Bytes], tuple[pa.Array, Flags]]] = {
    "integer": _usual_integers,
    "float": _usual_floats,
    "timestamp": _usual_timestamps,
    "boolean": _nothing_usual,
}

_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_MINUTE = "([01][0-9]|2[0-3]):[0-5][0-9]"
_SECOND = ":[0-5][0-9]([.][0-9]+)?"
_ZONE = "(Z|UTC|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)"
_REST = "substr(upper(text), 17)"  # of a timestamp behind its minute
# Types are read as silver's macros to_utc_timestamp and to_float, to_integer, to_boolean read them.
_TIMESTAMP = f"""CASE
    WHEN text < '0001' THEN NULL
    WHEN regexp_full_match(text, '{_DATE}') THEN TRY_CAST(text AS TIMESTAMP)
    WHEN regexp_full_match(upper(text), '{_DATE}[T ]{_MINUTE}({_SECOND})? ?{_ZONE}?')
    THEN TRY_CAST(
        left(text, 10) || ' ' || substr(text, 12, 5)
        || coalesce(nullif(regexp_extract({_REST}, '^{_SECOND}'), ''), ':00') AS TIMESTAMP
    ) - to_minutes(
        CASE WHEN regexp_matches({_REST}, '-[0-9:]+$') THEN -1 ELSE 1 END * (
            60 * coalesce(TRY_CAST(regexp_extract({_REST}, '[+-]([0-9]{{2}})', 1) AS INTEGER), 0)
            + coalesce(
                TRY_CAST(regexp_extract({_REST}, '[+-][0-9]{{2}}:?([0-9]{{2}})', 1) AS INTEGER), 0
            )
        )
    )
END"""
_FLOAT = "[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?"
_EXACT: dict[ColumnType, str] = {
    "integer": "CASE WHEN regexp_full_match(text, '[+-]?[0-9]+') THEN TRY_CAST(text AS BIGINT) END",
    "float": f"CASE WHEN regexp_full_match(text, '{_FLOAT}') AND isfinite(TRY_CAST(text AS DOUBLE))"
    " THEN TRY_CAST(text AS DOUBLE) END",
    "boolean": "CASE WHEN lower(text) IN ('true', 't', 'yes', '1') THEN true"
    " WHEN lower(text) IN ('false', 'f', 'no', '0') THEN false END",
    "timestamp": _TIMESTAMP,
}
