"""Which files the Iceberg tables of a release list, and what has to change in a table for that.

Belongs here: pure decisions from a release, the state of a table and the footers of new files. Does
not belong here: talking to a catalog or reading files (`tasks/iceberg_sync.py`), types
(`iceberg_types.py`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from urllib.parse import unquote

import pyarrow as pa

from tasks.bronze_inventory import UNKNOWN_PARTITION
from tasks.contracts.iceberg import (
    Cut,
    FileFacts,
    ListedFile,
    SchemaChange,
    TableChange,
    TableState,
    WantedTable,
)
from tasks.contracts.names import is_name
from tasks.contracts.release import PublishedFile, PublishedTable, Release
from tasks.iceberg_types import UnfitTypeError, schema_change, table_columns, united

NAMESPACES = ("bronze", "silver", "dims", "enriched", "gold")
# Rows without a date, as dbt's and Polars' files are named for them.
NO_DATES = (UNKNOWN_PARTITION, "unknown")
_DAY, _MONTH = re.compile(r"\d{4}-\d{2}-\d{2}"), re.compile(r"\d{4}-\d{2}")
_Columns = Mapping[str, pa.DataType]


def wanted_tables(release: Release, roots: Mapping[str, str], prefix: str) -> list[WantedTable]:
    """Return the tables of `release` that have files, with bronze as it has seen it.

    `roots` are the locations of the stores `bronze`, `silver` and `gold`, without `/` at the end;
    `prefix` is what the keys of bronze begin with.
    """
    tables = bronze_tables(release, roots["bronze"], prefix)
    for name, table in sorted(release.shown.items()):
        namespace, _, bare = name.partition(".")
        if namespace == "bronze" or table.view is not None:  # a view holds no rows of its own
            continue
        tables.append(_published(namespace, bare, table, roots))
    return tables


def bronze_tables(release: Release, root: str, prefix: str) -> list[WantedTable]:
    """Return the bronze tables, named for their folders, with the files that `release` has seen.

    Files that are no Parquet, such as documents, are left out: Iceberg could list none of them.
    """
    found: dict[str, dict[str, ListedFile]] = {}
    columns: dict[str, set[str]] = {}
    for identity in sorted({i for identities in release.bronze.values() for i in identities}):
        key, rows, size, _ = identity.rsplit("|", 3)
        table, *folders = key.removeprefix(prefix).split("/")[:-1] or [""]
        if not is_name(table) or key.endswith(".jsonl"):
            continue  # lines of JSON are in no catalog
        column, _, value = (folders or [""])[-1].partition("=")
        columns.setdefault(table, set()).add(column if value else "")
        text = unquote(value) if value and unquote(value) != UNKNOWN_PARTITION else None
        file = ListedFile(f"{root}/{key}", int(rows), int(size), text)
        found.setdefault(table, {})[key] = file
    return [
        WantedTable(
            "bronze",
            table,
            _with_rows(files.values()),
            _by_folders(columns[table]),
            next(iter(files.values())),
        )
        for table, files in sorted(found.items())
    ]


def _by_folders(columns: set[str]) -> Cut | None:
    column = next(iter(columns))
    return Cut(column) if len(columns) == 1 and column else None


def _published(
    namespace: str, name: str, table: PublishedTable, roots: Mapping[str, str]
) -> WantedTable:
    cut = cut_of(table)
    files = [_listed(file, table, cut, roots) for file in table.files]
    return WantedTable(namespace, name, _with_rows(files), cut, files[0] if files else None)


def _listed(
    file: PublishedFile, table: PublishedTable, cut: Cut | None, roots: Mapping[str, str]
) -> ListedFile:
    value = file.partition.get(cut.column) if cut is not None else None
    value = None if cut is not None and _is_unknown(value, table.columns[cut.column]) else value
    return ListedFile(f"{roots[file.root]}/{file.path}", file.rows, file.bytes, value)


def cut_of(table: PublishedTable) -> Cut | None:
    """Return how the files of a published table are cut, if all with rows are by one measure."""
    column = table.partition_column
    if column is None or column not in table.columns:
        return None
    kind = table.columns[column]
    values = [file.partition.get(column) for file in table.files if file.rows]
    texts = [value for value in values if not _is_unknown(value, kind)]
    if not texts or None in texts:
        return None
    dated = kind == "DATE" or kind.startswith("TIMESTAMP")
    if not dated:
        return Cut(column) if kind in ("VARCHAR", "BIGINT", "INTEGER") else None
    if all(_DAY.fullmatch(text or "") for text in texts):
        return Cut(column, "identity" if kind == "DATE" else "day")
    return Cut(column, "month") if all(_MONTH.fullmatch(text or "") for text in texts) else None


def split_by_kind(
    wanted: WantedTable, kinds: Mapping[str, bool], base_is_text: bool | None
) -> list[WantedTable]:
    """Part the files of a bronze table that hold all columns as text from those that do not.

    What was landed from CSV or JSON is text, what was landed from Parquet has types: one Iceberg
    table cannot read both. `kinds` says of each location whether it is text. The table keeps the
    kind that it has (`base_is_text`), or that of its first file; the others stand in
    `<table>__text` or `<table>__typed`.
    """
    if not wanted.files:
        return [wanted]
    base = kinds[wanted.files[0].location] if base_is_text is None else base_is_text
    own = tuple(file for file in wanted.files if kinds[file.location] == base)
    others = tuple(file for file in wanted.files if kinds[file.location] != base)
    parts = [replace(wanted, files=own, pattern=own[0])] if own else []
    if others:
        name = second_name(wanted.name, base_is_text=base)
        parts.append(replace(wanted, name=name, files=others, pattern=others[0]))
    return parts


def second_name(name: str, *, base_is_text: bool) -> str:
    """Return the name of the table beside bronze `name` for files of the other kind."""
    return f"{name}__{'typed' if base_is_text else 'text'}"


def is_text(columns: _Columns) -> bool:
    """Tell whether all columns are texts."""
    return all(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) for kind in columns.values()
    )


def settled_cut(
    wanted: WantedTable, state: TableState | None, keeps: bool, facts: Mapping[str, FileFacts]
) -> Cut | None:
    """Return how a bronze table is partitioned, from what its new files hold.

    By the column of its folders: one that the files do not have, or that has in every row the value
    of the folder. Anything else, once, and the table is not partitioned.
    """
    cut = wanted.cut
    if cut is None or wanted.namespace != "bronze":
        return cut
    if state is not None and keeps and (state.cut is None or state.cut.column != cut.column):
        return None
    values = {file.location: file.value for file in wanted.files}
    holding = [fact for fact in facts.values() if cut.column in fact.columns]
    if not holding:
        return replace(cut, virtual=True)
    told = all(
        location not in values or (fact.constant is not None and fact.constant == values[location])
        for location, fact in facts.items()
    )
    return cut if told else None


def columns_of(
    wanted: WantedTable, state: TableState | None, keeps: bool, facts: Mapping[str, FileFacts]
) -> dict[str, pa.DataType]:
    """Return the columns that read the files which stay and those of `facts`.

    Raises UnfitTypeError, naming file and column, where there are none.
    """
    columns: dict[str, pa.DataType] = {}
    if state is not None and (keeps or not facts):
        columns = dict(state.schema.columns)
    seen: list[_Columns] = []
    for location, fact in facts.items():
        if fact.columns in seen:
            continue
        seen.append(fact.columns)
        try:
            found = table_columns(fact.columns)
        except UnfitTypeError as error:
            raise UnfitTypeError(f"{location}: {error}") from None
        merged = united(columns, found)
        if merged is None:
            raise UnfitTypeError(f"{location}: {_contradiction(columns, found)}")
        columns = merged
    if wanted.cut is not None and wanted.cut.virtual:
        columns.setdefault(wanted.cut.column, pa.string())
    return columns


def shown_before(wanted: WantedTable, state: TableState) -> int | None:
    """Return a snapshot that lists the files of `wanted`, the current one first."""
    fitting = [
        number
        for number, content in state.contents.items()
        if content == wanted.content
        and (number == state.current or state.schema_of[number] in {s.id for s in state.schemas})
    ]
    if state.current in fitting:
        return state.current
    return fitting[-1] if fitting else None


def change_to(
    wanted: WantedTable,
    state: TableState,
    columns: _Columns,
    *,
    tag: int | None,
) -> TableChange:
    """Return the commit that makes the table list the files of `wanted`, with `columns`."""
    schema, forget = schema_change(columns, state)
    now = state.cut
    recut = (wanted.cut and (wanted.cut.column, wanted.cut.by)) != (now and (now.column, now.by))
    if not wanted.files:
        recut = False  # how no files are cut is nothing to tell
    return TableChange(wanted, columns=schema, recut=recut, forget=forget, tag=tag)


def show_again(
    wanted: WantedTable, state: TableState, snapshot: int, *, tag: int | None
) -> TableChange:
    """Return the commit that makes `snapshot`, which lists the files of `wanted`, the current."""
    schema = state.schema_of[snapshot]
    back = schema if schema != state.schema.id and snapshot != state.current else None
    return TableChange(wanted, show=snapshot, columns=SchemaChange(back_to=back), tag=tag)


def tables_left(
    names: Iterable[tuple[str, str]], shown: Collection[tuple[str, str]]
) -> list[WantedTable]:
    """Return the catalog's tables that the release does not have, as tables without files."""
    return [WantedTable(*name, files=()) for name in names if name not in shown]


def _with_rows(files: Iterable[ListedFile]) -> tuple[ListedFile, ...]:
    """A file without rows has done its duty as a pattern."""
    return tuple(file for file in files if file.rows)


def _is_unknown(value: str | None, kind: str) -> bool:
    return value == UNKNOWN_PARTITION or (value in NO_DATES and kind != "VARCHAR")


def _contradiction(one: _Columns, other: _Columns) -> str:
    for name, kind in other.items():
        if name in one and united({name: one[name]}, {name: kind}) is None:
            return f"column {name} is {kind} here and {one[name]} in other files"
    return "its columns contradict those of other files"
