"""Text in SQL: literals and reads of listed files.

Belongs here: quoting. Does not belong here: any statement of one layer.
"""

from __future__ import annotations

from collections.abc import Iterable


def quoted(text: str) -> str:
    """Return `text` as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def read_parquet(urls: Iterable[str]) -> str:
    """Return the relation of exactly these Parquet files; no column comes from their paths."""
    files = ", ".join(quoted(url) for url in urls)
    return f"read_parquet([{files}], hive_partitioning = false)"


def select_of(urls: Iterable[str]) -> str:
    """Return the query for all rows of exactly these Parquet files."""
    return f"select * from {read_parquet(urls)}"  # noqa: S608 - the files are quoted
