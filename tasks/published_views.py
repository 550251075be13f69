"""Silver tables of which a release holds no rows: views over the bronze files that it lists.

Belongs here: the text of such a view, free of any machine's paths, and that text made whole again
for an engine. Does not belong here: which rows of bronze a view leaves out (`staging.py`), or
opening an engine (`release_views.py`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from tasks.bronze_inventory import BronzeFile, BronzeTable
from tasks.contracts.errors import BronzeError, ReleaseError
from tasks.contracts.release import PublishedFile, PublishedTable, PublishedView
from tasks.landing_sql import identifier
from tasks.sql_text import quoted, select_of

PathsOf = Callable[[Sequence[PublishedFile]], Sequence[str]]
_RELATION = re.compile(r'(?:"\w+"\.)?"(bronze|silver)"\."(\w+)"')
_PLACEHOLDER = re.compile(r"\{((?:bronze|silver)\.\w+)\}")


def key_of(file: BronzeFile) -> str:
    """Return the key of a file in bronze."""
    return file.identity.rsplit("|", 3)[0]


def published_bronze(found: BronzeTable, columns: Mapping[str, str]) -> PublishedTable:
    """Describe the bronze files of a table as a release lists them; raises BronzeError.

    `columns` are those of the table with their DuckDB types; files may have more.
    """
    files = []
    for file in found.files:
        content = file.identity.rsplit("|", 1)[1]
        if re.fullmatch("[0-9a-f]{64}", content) is None:
            raise BronzeError(f"{file.url}: its manifest gives no sha256; land the file anew")
        files.append(
            PublishedFile(
                root="bronze", path=key_of(file), rows=file.rows, bytes=file.bytes, sha256=content
            )
        )
    return PublishedTable(
        rows=found.rows, bytes=found.bytes, columns=dict(columns), files=tuple(files)
    )


def published_view(compiled: str, columns: Mapping[str, str], rows: int) -> PublishedTable:
    """Describe a view whose SQL dbt has compiled; raises ReleaseError where it reads nothing.

    Relations become placeholders: they are named otherwise in every database.
    """
    sql = _RELATION.sub(r"{\1.\2}", compiled).strip()
    reads = tuple(dict.fromkeys(_PLACEHOLDER.findall(sql)))
    if not reads:
        raise ReleaseError(f"a view reads no table of its release: {sql}")
    return PublishedTable(
        rows=rows,
        bytes=0,
        columns=dict(columns),
        view=PublishedView(sql=sql, reads=reads),
        files=(),
    )


def rows_sql(name: str, tables: Mapping[str, PublishedTable], paths_of: PathsOf) -> str:
    """Return the query for all rows of table `name`, whether it is a view or has files.

    `paths_of` gives the paths at which an engine finds files. Raises ReleaseError where a view
    reads a table that the release does not have.
    """
    table = tables[name]
    if table.view is None:
        return _of_files(table, paths_of)

    def relation(match: re.Match[str]) -> str:
        read = match[1]
        if read not in tables:
            raise ReleaseError(f"{name} is a view over {read}, which the release does not have")
        return f"({_located(read, tables[read], paths_of)})"

    return _PLACEHOLDER.sub(relation, table.view.sql)


def files_behind(name: str, tables: Mapping[str, PublishedTable]) -> list[PublishedFile]:
    """Return the files that must be there to read table `name`."""
    table = tables[name]
    reads = table.view.reads if table.view is not None else ()
    return [
        *table.files,
        *(file for read in reads if read in tables for file in tables[read].files),
    ]


def located_rows(columns: Mapping[str, str], paths: Sequence[str], keys: Sequence[str]) -> str:
    """Return the query for rows of bronze files: `columns` with their types, `_file` and `_row`."""
    typed = [
        f"cast({identifier(name)} as {kind}) as {identifier(name)}"
        for name, kind in columns.items()
    ]
    if not paths:
        nulls = [f"cast(null as {kind}) as {identifier(name)}" for name, kind in columns.items()]
        nulls += ["cast(null as varchar) as _file", "cast(null as bigint) as _row"]
        return f"select {', '.join(nulls)} where false"
    root = len(paths[0]) - len(keys[0])
    listed = ", ".join(quoted(path) for path in paths)
    return (
        f"select {', '.join(typed)}, substr(filename, {root + 1}) as _file, "  # noqa: S608 - quoted
        f"file_row_number as _row from read_parquet([{listed}], hive_partitioning = false, "
        "filename = true, file_row_number = true, union_by_name = true)"
    )


def _located(name: str, table: PublishedTable, paths_of: PathsOf) -> str:
    if name.startswith("bronze."):
        return located_rows(table.columns, paths_of(table.files), [f.path for f in table.files])
    return _of_files(table, paths_of)


def _of_files(table: PublishedTable, paths_of: PathsOf) -> str:
    if table.files and not any(file.root == "bronze" for file in table.files):
        return select_of(paths_of(table.files))
    kinds = table.columns.items()
    if table.files:
        listed = ", ".join(quoted(path) for path in paths_of(table.files))
        typed = [f"cast({identifier(n)} as {kind}) as {identifier(n)}" for n, kind in kinds]
        return (
            f"select {', '.join(typed)} from read_parquet([{listed}], "  # noqa: S608 - quoted
            "hive_partitioning = false, union_by_name = true)"
        )
    nulls = [f"cast(null as {kind}) as {identifier(n)}" for n, kind in kinds]
    return f"select {', '.join(nulls) or 'null as empty'} where false"
