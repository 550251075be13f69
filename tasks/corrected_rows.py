"""Rejected rows in whose place a correction was landed: a run leaves them out, and counts them.

Belongs here: the SQL by which a rejected row is known, and queries without those that were
corrected. Does not belong here: which files are corrections (`bronze_inventory.py`), and landing
them (`correction_landing.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import duckdb

from tasks.contracts.manifest import CORRECTS
from tasks.contracts.spec import Table
from tasks.landing_sql import identifier
from tasks.sql_text import quoted, read_parquet


def row_id(columns: Iterable[str]) -> str:
    """Return the SQL of what a row of bronze is known by: a hash of all its values, as texts.

    It is the same in bronze and in quarantine, whatever types the columns have in either, and in
    every release. Rows that are equal in every column, audit columns included, share one.
    """
    parts = []
    for name in sorted(columns):
        text = f"cast({identifier(name)} as varchar)"
        # NULL makes the whole part NULL, and concat leaves it out.
        label = quoted(f"{len(name.encode())}:{name}=")
        parts.append(f"{label} || strlen({text}) || ':' || {text}")
    return f"'row_' || md5(concat('', {', '.join(parts)}))"


def without_corrected(
    selects: Sequence[str], table: Table, columns: Iterable[str], corrections: Sequence[str]
) -> list[str]:
    """Return `selects` on rows of bronze `table` without those that `corrections` replace.

    `columns` are all that are specified of it, audit columns included; `corrections` are paths.
    """
    if not corrections:
        return list(selects)
    condition = _is_corrected(table, columns, corrections)
    return [
        f"select * from ({select}) as received where not {condition}"  # noqa: S608 - quoted
        for select in selects
    ]


def count_corrected(
    engine: duckdb.DuckDBPyConnection,
    selects: Sequence[str],
    table: Table,
    columns: Iterable[str],
    corrections: Sequence[str],
) -> int:
    """Return how many rows `without_corrected` leaves out."""
    if not corrections or not selects:
        return 0
    condition = _is_corrected(table, columns, corrections)
    parts = [
        f"select count(*) as rows from ({select}) as received where {condition}"  # noqa: S608
        for select in selects
    ]
    counts = f"select sum(rows)::bigint from ({' union all '.join(parts)})"  # noqa: S608
    (rows,) = engine.execute(counts).fetchone() or (0,)
    return int(rows)


def _is_corrected(table: Table, columns: Iterable[str], corrections: Sequence[str]) -> str:
    """A condition, never NULL. Rows are hashed only where a correction has come from: few are."""
    files = read_parquet(corrections)
    near = "source_line" if table.landing == "lines" else "coalesce(ingestion_ts, '')"
    places = " and ".join(
        f"{place} in (select {place} from {files})"  # noqa: S608 - quoted
        for place in ("coalesce(source_file, '')", near)
    )
    hashed = f"case when {places} then {row_id(columns)} end"
    return f"coalesce({hashed} in (select {CORRECTS} from {files}), false)"  # noqa: S608
