"""A hash of what a table says, however its rows are ordered or cut into files.

Belongs here: hashing the rows of a query. Does not belong here: the sha256 of a file's bytes
(`published_files.py`), which changes with its layout.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence

import duckdb

from tasks.landing_sql import identifier
from tasks.sql_text import select_of

# Which run wrote a row says nothing about what the row says.
LEFT_OUT = ("run_id",)


def content_hash(urls: Sequence[str], columns: Iterable[str]) -> str:
    """Return the hash of the rows of the Parquet files at `urls`, as `query_hash` does."""
    return query_hash(select_of(urls) if urls else None, columns)


def query_hash(rows: str | None, columns: Iterable[str]) -> str:
    """Return 32 hexadecimal digits that stand for the rows of the query `rows`; None has no rows.

    Rows count as often as they occur; their order, the order of columns, and the cut into files
    do not matter. NULL differs from an empty text, and a float counts to its last bit. Columns
    named in LEFT_OUT are not read. Raises duckdb.Error when a file of it cannot be read.
    """
    names = sorted(set(columns) - set(LEFT_OUT))
    count, low, high = _sums(rows, names) if rows and names else (0, 0, 0)
    total = json.dumps([names, count, low, high])
    return hashlib.sha256(total.encode()).hexdigest()[:32]


def _sums(rows: str, names: Sequence[str]) -> tuple[int, int, int]:
    """Count the rows, and add up both halves of each row's MD5.

    A sum, unlike XOR, does not lose a row that occurs twice.
    """
    text = " || ".join(_canonical(name) for name in names)
    query = (
        "select count(*), coalesce(sum(md5_number_lower(line)), 0),"  # noqa: S608 - quoted below
        f" coalesce(sum(md5_number_upper(line)), 0) from (select {text} as line"
        f" from ({rows}))"
    )
    with duckdb.connect() as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0]), int(row[1]), int(row[2])


def _canonical(name: str) -> str:
    """SQL of a value's text with its length before it, so that no two rows run together."""
    text = f"{identifier(name)}::varchar"
    return f"coalesce(strlen({text}) || ':' || {text}, '-')"
