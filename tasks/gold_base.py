"""What a gold build on top of a release reads of it, for facts that merge what is new into it.

Belongs here: the further inputs and variables of pipelines with internal facts. Does not belong
here: facts that are cut by day and carried over file by file (`gold.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from tasks.contracts.changes import TableChange
from tasks.contracts.release import PublishedFile, PublishedTable, Release
from tasks.daily_files import is_cut_by_day
from tasks.input_rows import day_of
from tasks.run_base import Base
from tasks.run_context import RunContext
from tasks.sql_text import select_of


def merging_inputs(
    run: RunContext,
    tables: Mapping[str, PublishedTable],
    base: Base,
    changes: Mapping[str, TableChange],
) -> tuple[dict[str, list[str]], dict[str, Any]]:
    """Return the views and the variables `as_of` and `base` of a gold build.

    `previous.*` are the tables of the release, `added.*` silver's rows that it had not counted and
    that count now or later, `removed.*` those that it had counted and that are gone.
    Without internal facts there are none of them. `base` is None when everything is computed.
    """
    if not any(fact.internal for fact in run.spec.gold):
        return {}, {}
    more: dict[str, Any] = {"as_of": run.as_of.isoformat() if run.as_of else None, "base": None}
    release = base.release
    silver = {f"silver.{table.name}": table for table in run.spec.tables}
    if release is None or not reaches_further(run, release):
        return {}, more
    if any(changes[name].whole or not _is_cut(tables[name], release, name) for name in silver):
        return {}, more
    days = sorted({day for name in silver for day in changes[name].dates})
    selects = {
        f"previous.{name.partition('.')[2]}": [select_of(run.urls(release.tables[name]))]
        for name in (*silver, *(f"gold.{fact.name}" for fact in run.spec.gold))
    }
    for name, table in silver.items():
        added, removed = differing_files(tables[name], release.tables[name], release.as_of)
        selects[f"added.{table.name}"] = [_rows_of(run, added, tables[name])]
        selects[f"removed.{table.name}"] = [_rows_of(run, removed, tables[name])]
    return selects, more | {"base": {"dates": [day.isoformat() for day in days]}}


def reaches_further(run: RunContext, release: Release) -> bool:
    """Tell whether the last day that counts is surely not before the release's."""
    if run.as_of is None or release.as_of is None:
        return run.as_of is release.as_of
    return run.as_of >= release.as_of


def differing_files(
    table: PublishedTable, released: PublishedTable, counted_to: date | None
) -> tuple[list[PublishedFile], list[PublishedFile]]:
    """Return the files whose rows are still to be counted, and those whose rows no longer count.

    Both tables are cut by day. The release had counted its days up to `counted_to`, or all.
    """
    before = {(file.root, file.path) for file in _counted(released, counted_to)}
    now = {(file.root, file.path) for file in table.files}
    added = [file for file in table.files if file.rows and (file.root, file.path) not in before]
    removed = [f for f in _counted(released, counted_to) if (f.root, f.path) not in now]
    return added, removed


def _counted(released: PublishedTable, counted_to: date | None) -> Iterable[PublishedFile]:
    for file in released.files:
        day = day_of(file, released.partition_column or "")
        if file.rows and (counted_to is None or (day is not None and day <= counted_to)):
            yield file


def _is_cut(table: PublishedTable, release: Release, name: str) -> bool:
    """Tell whether each file holds the rows of one day, now and in the release."""
    column = table.partition_column
    return column is not None and all(
        is_cut_by_day(version, column) for version in (table, release.tables[name])
    )


def _rows_of(run: RunContext, files: list[PublishedFile], table: PublishedTable) -> str:
    """Return the query for the rows of `files`, with the columns of `table` if there are none."""
    if files:
        return select_of(run.paths(files))
    return f"{select_of(run.paths(table.files[:1]))} where false"
