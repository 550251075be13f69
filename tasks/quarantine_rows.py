"""What was quarantined in a release: counts by reason, and the rows as they were received.

Belongs here: which tables of a release hold rejected rows, and queries on them. Does not belong
here: deciding what is quarantined (dbt), and printing.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from tasks.contracts.release import Release
from tasks.release_views import Rows, select, view_name

SUFFIX = "_quarantine"
REASONS_COLUMN = "quarantine_reasons"


@dataclass(frozen=True)
class Quarantined:
    """Quarantined rows of a table, and by reason; a row that broke several rules is in each."""

    rows: int
    reasons: dict[str, int]


def quarantine_tables(release: Release) -> dict[str, str]:
    """Return {table: its quarantine} (`silver.orders`: `silver.orders_quarantine`), sorted."""
    found = {}
    for name, table in release.tables.items():
        of = table.quarantine_of
        if of is None and name.endswith(SUFFIX) and REASONS_COLUMN in table.columns:
            of = name.removesuffix(SUFFIX)  # releases of old do not say it
        if of is not None:
            found[of] = name
    return dict(sorted(found.items()))


def quarantine_counts(connection: duckdb.DuckDBPyConnection, table: str) -> Quarantined:
    """Count the rows of quarantine `table`, most frequent reason first."""
    view = view_name(table)
    ((rows,),) = select(connection, f"select count(*) from {view}").rows  # noqa: S608
    reasons = select(
        connection,
        f"select reason, count(*) from (select unnest({REASONS_COLUMN}) as reason from {view})"  # noqa: S608
        " group by reason order by count(*) desc, reason",
    )
    return Quarantined(rows, dict(reasons.rows))


def quarantined_rows(
    connection: duckdb.DuckDBPyConnection, table: str, reason: str | None = None
) -> Rows:
    """Return the rows of quarantine `table`, those that broke `reason` if it is given.

    Columns: those of bronze, `quarantine_reasons` and `run_id`, in the same order of rows every
    time.
    """
    view = view_name(table)
    if reason is None:
        return select(connection, f"select * from {view} order by all")  # noqa: S608
    return select(
        connection,
        f"select * from {view} where list_contains({REASONS_COLUMN}, $reason) order by all",  # noqa: S608
        {"reason": reason},
    )
