"""The record of a silver table: what it read, wrote, rejected and superseded.

Belongs here: its fields, however silver is made. Does not belong here: judging the table.
"""

from __future__ import annotations

from collections.abc import Sequence

from tasks.contracts.release import PublishedTable, SilverCounts
from tasks.contracts.run_record import Quality, TableRecord
from tasks.contracts.spec import Table


def silver_record(
    table: Table,
    bronze_rows: int,
    counts: SilverCounts,
    silver: PublishedTable,
    quarantine: PublishedTable,
    *,
    quality: Quality,
    seconds: float,
    merged: int | None = None,
) -> TableRecord:
    """Return the record; `merged` rows went into others of silver."""
    parents: Sequence[str] = [f"silver.{key.references}" for key in table.foreign_keys]
    return TableRecord(
        table=f"silver.{table.name}",
        layer="silver",
        rows_in=bronze_rows,
        rows_out=silver.rows,
        rows_merged=merged,
        quarantined=quarantine.rows,
        superseded=counts.superseded,
        quarantine=f"silver.{table.quarantine_name}",
        quality=quality,
        files=len(silver.files),
        bytes=silver.bytes,
        seconds=seconds,
        inputs=(f"bronze.{table.bronze_name}", *parents),
    )
