"""SQL over one release: views on exactly its files, in an engine that can reach nothing else.

Belongs here: opening a release for queries, what a query may be, and running it. Does not belong
here: which queries there are, and printing their rows.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import duckdb
import polars as pl

from blocks.lake import LAYER_ROOTS, Lake
from tasks.audit import AUDIT_SCHEMA
from tasks.contracts.errors import ConfigurationError, ReleaseError
from tasks.contracts.release import Release
from tasks.landing_sql import identifier
from tasks.mirror import Mirror, passing_mirror
from tasks.published_views import files_behind, rows_sql
from tasks.sql_text import quoted, select_of

AUDIT_VIEW = "audit.runs"
_BATCH_ROWS = 10_000


@dataclass(frozen=True)
class Rows:
    """The answer to a query: column names with their DuckDB types, and the rows as they come."""

    columns: dict[str, str]
    rows: Iterator[tuple[Any, ...]]


@contextlib.contextmanager
def release_views(
    lake: Lake,
    release: Release,
    *,
    tables: Collection[str] | None = None,
    beside: Mapping[str, Path] = MappingProxyType({}),
    threads: int = 1,
    memory_limit: str = "1500MB",
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an in-memory DuckDB with a view for each table that `release` shows, and `audit.runs`.

    Views are named as the tables are (`silver.orders`). `audit.runs` has a row a table and run of
    the pipeline (columns: `audit.AUDIT_SCHEMA`). `tables` limits the views: what lies in an object
    store must be fetched first. `beside` are Parquet files with the rows of tables that the release
    has elsewhere. The connection can read the files of its views and no others; whoever runs SQL of
    a stranger does so through `select`, which also keeps it from writing.
    Raises ReleaseError when a file of the release cannot be read.
    """
    settings: dict[str, str | bool | int | float | list[str]] = {
        "threads": threads,
        "memory_limit": memory_limit,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "python_enable_replacements": False,
    }
    shown = {name: t for name, t in release.shown.items() if tables is None or name in tables}
    with (
        tempfile.TemporaryDirectory(prefix="medallion-query-") as spill,
        passing_mirror(lake) as mirror,
    ):
        settings["temp_directory"] = spill
        files = {name: mirror.paths(files_behind(name, release.tables)) for name in shown}
        files |= {name: [str(path)] for name, path in beside.items()}
        files[AUDIT_VIEW] = []
        if tables is None or AUDIT_VIEW in tables:
            files[AUDIT_VIEW] = _audit_files(mirror, release.pipeline)
        with duckdb.connect(config=settings) as connection:
            connection.execute("set TimeZone = 'UTC'")
            try:
                contents = {n: rows_sql(n, release.tables, mirror.paths) for n in shown}
                contents |= {name: select_of([str(path)]) for name, path in beside.items()}
                _create_views(connection, contents, files[AUDIT_VIEW])
            except duckdb.IOException as error:
                raise ReleaseError(_unreadable(release, error)) from error
            _lock(connection, [path for paths in files.values() for path in paths])
            yield connection


def tables_of(sql: str, lake: Lake, release: Release) -> set[str] | None:
    """Return the tables that `sql` reads; None stands for all, also where nothing is fetched."""
    if all(lake.store_of(layer).local_path("") is not None for layer in LAYER_ROOTS):
        return None
    try:
        named = duckdb.get_table_names(sql, qualified=True)
    except duckdb.Error:
        return None
    found = {name.partition(" AS ")[0].replace('"', "").lower() for name in named}
    return found if found and found <= {*release.shown, AUDIT_VIEW} else None


def select(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, Any] | None = None
) -> Rows:
    """Run one SELECT. Raises ConfigurationError with DuckDB's words when it cannot be run.

    Errors may also come while the rows are read, as the same exception.
    """
    with _reported():
        statements = connection.extract_statements(sql)
        if not _only_reads(statements):
            raise ConfigurationError("a query is one SELECT; nothing can be written through it")
        for statement in statements[:-1]:
            connection.execute(statement)
        connection.execute(statements[-1], dict(parameters) if parameters else None)
        description = connection.description or []
    names = _distinct([str(column[0]) for column in description])
    types = [str(column[1]) for column in description]
    return Rows(dict(zip(names, types, strict=True)), _batched(connection))


def _audit_files(mirror: Mirror, pipeline: str) -> list[str]:
    """Return where the audit rows of the pipeline's runs are, oldest run first."""
    prefix = mirror.lake.audit_key(pipeline, "").rpartition("/")[0] + "/"
    keys = [key for key in mirror.lake.control.list(prefix) if key.endswith(".parquet")]
    mirror.bring("control", keys)
    return [mirror.path("control", key) for key in keys]


def view_name(table: str) -> str:
    """Return the view of a published table (`silver.orders`) as SQL names it."""
    return ".".join(identifier(part) for part in table.split(".", 1))


def _create_views(
    connection: duckdb.DuckDBPyConnection, contents: Mapping[str, str], audit: Sequence[str]
) -> None:
    schemas = {name.partition(".")[0] for name in contents} | {"audit"}
    for schema in sorted(schemas):
        connection.execute(f"create schema if not exists {identifier(schema)}")
    for name, rows in contents.items():
        connection.execute(f"create view {view_name(name)} as {rows}")
    if audit:
        # By name: runs recorded by an older version have fewer columns.
        listed = ", ".join(quoted(url) for url in audit)
        rows = f"read_parquet([{listed}], hive_partitioning = false, union_by_name = true)"
        connection.execute(f"create view {AUDIT_VIEW} as from {rows}")
    else:
        empty = pl.DataFrame(schema=AUDIT_SCHEMA).to_arrow()
        connection.from_arrow(empty).create(AUDIT_VIEW)


def _lock(connection: duckdb.DuckDBPyConnection, urls: Sequence[str]) -> None:
    """From here on, only `urls` can be opened, and no setting can be changed back.

    DuckDB lets a COPY overwrite an allowed path, which is why `select` takes nothing but SELECT.
    """
    listed = ", ".join(quoted(url) for url in urls)
    connection.execute(f"set allowed_paths = [{listed}]")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")


def _only_reads(statements: Sequence[duckdb.Statement]) -> bool:
    """Tell whether the statements are one SELECT.

    DuckDB makes two of a PIVOT: a type that it invents, which has no text of its own, and a SELECT.
    """
    if not statements or statements[-1].type != duckdb.StatementType.SELECT:
        return False
    return all(
        statement.type == duckdb.StatementType.CREATE and not statement.query
        for statement in statements[:-1]
    )


def _batched(connection: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    while True:
        with _reported():
            batch = connection.fetchmany(_BATCH_ROWS)
        if not batch:
            return
        yield from batch


@contextlib.contextmanager
def _reported() -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        raise ConfigurationError(f"the query cannot be run: {error}") from error


def _distinct(names: Sequence[str]) -> list[str]:
    """Number names that occur again: `a`, `a_1`."""
    seen: dict[str, int] = {}
    found: list[str] = []
    for name in names:
        candidate = name
        while candidate in seen:
            seen[name] += 1
            candidate = f"{name}_{seen[name]}"
        seen[candidate] = 0
        found.append(candidate)
    return found


def _unreadable(release: Release, error: duckdb.IOException) -> str:
    reason = str(error).splitlines()[0]
    return f"release {release.release} of {release.pipeline} cannot be read: {reason}"
