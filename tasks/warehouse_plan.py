"""What a load replaces in the warehouse: tables, partitions and their files.

Belongs here: pure decisions from releases and what is known of the warehouse. Does not belong here:
reading or writing either (`warehouse_load.py`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from tasks.contracts.release import PublishedFile, PublishedTable, Release
from tasks.contracts.spec import Spec
from tasks.contracts.warehouse import Grain, Standing, WarehouseTable
from tasks.published_views import files_behind
from tasks.warehouse_columns import Withheld

_GRAINS: tuple[tuple[Grain, re.Pattern[str]], ...] = (
    ("DAY", re.compile(r"\d{4}-\d{2}-\d{2}")),
    ("MONTH", re.compile(r"\d{4}-\d{2}")),
)

NOTHING_WITHHELD = Withheld()


@dataclass(frozen=True)
class PartLoad:
    """A partition (None: the whole table), its rows and the files that they are in; none: it goes.

    The files of a table that is a view are those that it reads.
    """

    partition: str | None
    files: tuple[PublishedFile, ...]
    rows: int


@dataclass(frozen=True)
class TableLoad:
    """What of one table is replaced, and the rows that each partition has in the end."""

    table: WarehouseTable
    parts: tuple[PartLoad, ...]
    expected: Mapping[str | None, int]
    anew: bool = False  # it is made, with these columns and partitions, before

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.parts)


def loaded_tables(spec: Spec, release: Release, reconciled: Collection[str] = ()) -> list[str]:
    """Return the tables of `release` that belong in the warehouse, in the release's order.

    The enriched ones and whatever gold is made of; gold itself where the lake has it, else the
    tables that its reconciliations compare it with (`reconciled`, `layer.name`).
    """
    inputs = {name for fact in spec.gold for name in fact.inputs}
    if release.warehouse_gold is not None:
        inputs |= set(reconciled)
    layers = ("enriched", "gold")
    return [name for name in release.shown if name.partition(".")[0] in layers or name in inputs]


def warehouse_table(
    name: str, table: PublishedTable, withheld: Withheld = NOTHING_WITHHELD
) -> WarehouseTable:
    """Return the table of the warehouse that `name` (`layer.table`) of a release becomes.

    It is partitioned along the column that its files are cut along, if each tells its day or month.
    Columns of silver and of enriched tables that are `withheld` are not the lake's.
    """
    layer, _, bare = name.partition(".")
    grain = _grain(table)
    column = table.partition_column if grain is not None else None
    columns = withheld.columns(name, table.columns)
    return WarehouseTable(layer, bare, columns, column, grain, withheld.note(name))


def plan_load(
    names: Iterable[str],
    target: Release,
    standing: Standing,
    known: Mapping[int, Release],
    fitting: Collection[str],
    withheld: Withheld = NOTHING_WITHHELD,
) -> list[TableLoad]:
    """Return what has to be replaced so that the warehouse shows `target`.

    A partition may hold what any release of `standing` lists for it: it is replaced unless all of
    them list the same files. `known` holds those releases that can still be read; a table of one
    that cannot be is replaced as a whole, and so is one that is not among `fitting`.
    """
    numbers = {*standing.suspects, *(() if standing.loaded is None else (standing.loaded,))}
    held = [known.get(number) for number in sorted(numbers)]
    loads = []
    for name in names:
        table = target.tables[name]
        wanted = warehouse_table(name, table, withheld)
        parts = _parts(name, target, wanted)
        expected = {partition: _rows(table, partition, files) for partition, files in parts.items()}
        anew = name not in fitting
        before: list[dict[str | None, tuple[PublishedFile, ...]] | None]
        before = [_parts_of(release, name, table, withheld) for release in held]
        if anew or standing.loaded is None or None in before:
            # In one piece: partitions that nobody remembers have to go as well.
            whole = PartLoad(None, tuple(files_behind(name, target.tables)), table.rows)
            loads.append(TableLoad(wanted, (whole,), expected, anew))
            continue
        candidates = {*parts, *(partition for each in before if each for partition in each)}
        changed = tuple(
            PartLoad(partition, parts.get(partition, ()), expected.get(partition, 0))
            for partition in sorted(candidates, key=str)
            if any(_differ(each or {}, parts, partition) for each in before)
        )
        if changed:
            loads.append(TableLoad(wanted, changed, expected))
    return loads


def wrong_counts(load: TableLoad, counted: Mapping[str | None, int]) -> list[str]:
    """Return a line for each partition that has not the rows that the release lists."""
    partitions = sorted({*load.expected, *counted}, key=str)
    return [
        f"{load.table.label}{f'${partition}' if partition else ''}: "
        f"{counted.get(partition, 0):,} rows, not {load.expected.get(partition, 0):,}"
        for partition in partitions
        if counted.get(partition, 0) != load.expected.get(partition, 0)
    ]


def _grain(table: PublishedTable) -> Grain | None:
    column = table.partition_column
    if column is None or table.columns.get(column) != "DATE":
        return None
    values = {file.partition.get(column, "") for file in table.files if file.rows}
    for grain, pattern in _GRAINS:
        if all(pattern.fullmatch(value) for value in values):
            return grain
    return None


def _parts(
    name: str, release: Release, wanted: WarehouseTable
) -> dict[str | None, tuple[PublishedFile, ...]]:
    """Return the files by partition; those without rows belong to none, but tell the columns."""
    if wanted.partition_column is None:
        return {None: tuple(files_behind(name, release.tables))}
    parts: dict[str | None, tuple[PublishedFile, ...]] = {}
    for file in release.tables[name].files:
        if file.rows:
            value = file.partition[wanted.partition_column].replace("-", "")
            parts[value] = (*parts.get(value, ()), file)
    return parts


def _parts_of(
    release: Release | None, name: str, wanted: PublishedTable, withheld: Withheld
) -> dict[str | None, tuple[PublishedFile, ...]] | None:
    """Return the files by partition as `release` lists them; None where that says nothing."""
    table = release.tables.get(name) if release is not None else None
    if release is None or table is None or table.view != wanted.view:
        return None
    one, other = (warehouse_table(name, each, withheld) for each in (table, wanted))
    return _parts(name, release, other) if one == other else None


def _rows(table: PublishedTable, partition: str | None, files: tuple[PublishedFile, ...]) -> int:
    return table.rows if partition is None else sum(file.rows for file in files)


def _differ(
    one: Mapping[str | None, tuple[PublishedFile, ...]],
    other: Mapping[str | None, tuple[PublishedFile, ...]],
    partition: str | None,
) -> bool:
    return sorted(file.sha256 for file in one.get(partition, ())) != sorted(
        file.sha256 for file in other.get(partition, ())
    )
