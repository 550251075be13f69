"""What an Iceberg catalog shows after a run, in words.

Belongs here: sentences from the record. Does not belong here: markup, or syncing
(`tasks/iceberg_sync.py`).
"""

from __future__ import annotations

from collections.abc import Mapping

from tasks.contracts.run_record import RunRecord
from tasks.reports.human_figures import duration, quantity

_MOST_NAMED = 5


def catalog_lines(record: RunRecord) -> list[str]:
    """Say which release the catalog shows, or why it does not and what brings it there.

    Empty for a run that has shown nothing in a catalog.
    """
    shown = record.catalog
    if shown is None:
        return []
    if shown.release is None:
        return [
            f"Iceberg: readers of the catalog do not see release {record.release} yet: "
            f"{shown.problem}",
            f"The next run shows it, or `medallion sync {record.pipeline}`.",
        ]
    told = f"Iceberg: {quantity(shown.tables, 'table')} at release {shown.release}"
    return [f"{told}, in {duration(shown.seconds)}.", *left_out_lines(shown.left_out)]


def left_out_lines(left_out: Mapping[str, str]) -> list[str]:
    """Name the tables that no Iceberg table can show, with the reasons."""
    lines = [f"Not in Iceberg: {table}: {reason}" for table, reason in sorted(left_out.items())]
    more = len(lines) - _MOST_NAMED
    return lines if more <= 0 else [*lines[:_MOST_NAMED], f"and {more} more tables"]
