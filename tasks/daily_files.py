"""Tables that are cut into one file a day: writing them, and which of their files stay.

Belongs here: the layout of such a table in a run's own folder. Does not belong here: which days
are written (`changed_days.py`).
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from tasks.changed_days import Days
from tasks.contracts.release import PublishedFile, PublishedTable
from tasks.input_rows import day_of
from tasks.run_context import RunContext

if TYPE_CHECKING:
    from polars.io.partition import FileProviderArgs

# What DuckDB names the partition of rows without a value.
NO_DAY = "__HIVE_DEFAULT_PARTITION__"
EMPTY = "part-0.parquet"


def write_whole(rows: pl.LazyFrame, folder: Path) -> None:
    """Stream `rows` to one file of `folder`."""
    _cleared(folder)
    rows.sink_parquet(folder / EMPTY, compression="snappy")


def write_days(rows: pl.LazyFrame, folder: Path, column: str) -> None:
    """Stream `rows` to files `<day>-<k>.parquet` of `folder`; no row, no file."""
    _cleared(folder)

    def file_name(part: FileProviderArgs) -> str:
        day = part.partition_keys.item(0, 0)
        return f"{NO_DAY if day is None else day}-{part.index_in_partition}.parquet"

    parts = pl.PartitionBy(
        folder,
        key=pl.col(column),
        include_key=True,
        file_path_provider=file_name,
        approximate_bytes_per_file=1 << 40,  # a day is one file, however large
    )
    rows.sink_parquet(parts, compression="snappy")


def write_no_rows(rows: pl.LazyFrame, folder: Path) -> None:
    """Write a file that tells readers the columns of a table without rows."""
    rows.limit(0).sink_parquet(folder / EMPTY, compression="snappy")


def is_cut_by_day(table: PublishedTable, column: str) -> bool:
    """Tell whether each file of `table` that has rows holds those of one day."""
    return all(day_of(file, column) is not None for file in table.files if file.rows)


def files_of_other_days(table: PublishedTable, column: str, days: Days) -> list[PublishedFile]:
    """Return the files of `table` that have rows, but none of `days`."""
    return [file for file in table.files if file.rows and day_of(file, column) not in days]


def files_of_run(
    run: RunContext, table: PublishedTable, run_id: str | None = None
) -> PublishedTable:
    """Return `table` with the files only that this run has written, or that of `run_id`."""
    own = f"{run.lake.run_prefix(run.pipeline, run_id or run.run_id)}/"
    files = tuple(file for file in table.files if file.path.startswith(own))
    return table.model_copy(update={"files": files, "rows": sum(file.rows for file in files)})


def _cleared(folder: Path) -> None:
    """Make `folder` empty: an attempt that failed may have left files in it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
