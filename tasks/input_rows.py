"""Rows of a table's inputs: all of them, or those of some days.

Belongs here: scanning the published files that can hold the rows asked for, and finding the days
of rows that others refer to. Does not belong here: which days are asked for (`changed_days.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from tasks.changed_days import Days
from tasks.contracts.release import PublishedFile, PublishedTable
from tasks.contracts.spec import Spec
from tasks.run_context import RunContext


@dataclass(frozen=True)
class InputRows:
    """The inputs `names` ({argument: layer.table}) of a table, in this run and in its release."""

    run: RunContext
    names: Mapping[str, str]
    tables: Mapping[str, PublishedTable]
    released: Mapping[str, PublishedTable]

    def of_days(self, argument: str, days: Days) -> pl.LazyFrame:
        """Return the rows of an input that this run sees on `days`."""
        return self._of_days(argument, days, [self.tables])

    def linked(self, argument: str, days: Days, other: str, by: str) -> Days:
        """Return the days of `other` with a row that shares `by` with one on `days`, old or new."""
        keys = self._of_days(argument, days, [self.tables, self.released]).select(by)
        day = day_column(self.run.spec, self.names[other])
        rows = scan(self.run, self.tables[self.names[other]]).select(by, day)
        found = rows.join(keys, on=by, how="semi").select(pl.col(day).unique())
        return frozenset(found.collect(engine="streaming")[day].drop_nulls())

    def _of_days(
        self, argument: str, days: Days, versions: Iterable[Mapping[str, PublishedTable]]
    ) -> pl.LazyFrame:
        name = self.names[argument]
        tables = [version[name] for version in versions if name in version]
        return scan_days(self.run, tables, day_column(self.run.spec, name), days)


def day_column(spec: Spec, name: str) -> str:
    """Return the column along which table `name` (`layer.table`) is told by days."""
    layer, _, table = name.partition(".")
    if layer == "silver":
        return spec.table(table).business_date_column
    column = next(t.partition_column for t in spec.transforms if t.name == table)
    assert column is not None, f"{name} has no days; the specification was checked for it"
    return column


def day_of(file: PublishedFile, column: str) -> date | None:
    """Return the day whose rows a file holds, if it holds those of one day."""
    try:
        return date.fromisoformat(file.partition.get(column, ""))
    except ValueError:
        return None


def scan(run: RunContext, table: PublishedTable) -> pl.LazyFrame:
    """Return all rows of a published table; no column comes from a path."""
    return pl.scan_parquet(run.urls(table), hive_partitioning=False)


def scan_days(
    run: RunContext, versions: Collection[PublishedTable], column: str, days: Days
) -> pl.LazyFrame:
    """Return the rows on `days` of each version of a table; rows of a shared file come once."""
    files = {file.path: file for version in versions for file in version.files}
    held = {path: day_of(file, column) for path, file in files.items()}
    wanted = [file for path, file in files.items() if held[path] is None or held[path] in days]
    if not wanted:
        return scan_files(run, list(files.values())[:1]).limit(0)
    rows = scan_files(run, wanted)
    if all(held[file.path] is not None for file in wanted):
        return rows
    return rows.filter(pl.col(column).is_in(sorted(days)))


def scan_files(run: RunContext, files: Iterable[PublishedFile]) -> pl.LazyFrame:
    """Return the rows of exactly these files."""
    return pl.scan_parquet(run.paths(list(files)), hive_partitioning=False)
