"""A DuckDB file as warehouse.

Belongs here: the interface of a warehouse in DuckDB's SQL. Does not belong here: which partitions
are loaded.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import duckdb

from blocks.warehouse import WarehouseError, WarehouseUnavailableError
from blocks.warehouse_settings import DuckDbSettings
from tasks.contracts.nested_kinds import fully_quoted
from tasks.contracts.warehouse import DbtTarget, Event, LoadEvent, WarehouseTable

_NO_GOLD = "gold is not computed in a DuckDB file; set gold_engine to duckdb"
_EVENTS = "_releases"
_FORMATS = {"DAY": "%Y%m%d", "MONTH": "%Y%m", None: ""}


class DuckDbFile:
    """The schemas `<pipeline>_<layer>` of one file, held by this process alone while it is open."""

    def __init__(self, settings: DuckDbSettings, pipeline: str) -> None:
        self._pipeline = pipeline
        self._one_at_a_time = threading.Lock()
        path = Path(settings.database)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._connection = duckdb.connect(str(path))
            self._connection.execute("set TimeZone = 'UTC'")
        except duckdb.IOException as error:
            first = str(error).splitlines()[0]
            raise WarehouseUnavailableError(f"the warehouse cannot be opened: {first}") from None

    def where(self, layer: str, table: str) -> str:
        return f'"{self._pipeline}_{layer}"."{table}"'

    def events(self) -> Sequence[LoadEvent]:
        with self._session("its history") as session:
            if not self._columns(session, "control", _EVENTS):
                return []
            query = f"select load, release, run_id, event, recorded_ts from {self._history}"  # noqa: S608
            rows = session.execute(query).fetchall()
        return [LoadEvent(*row) for row in rows]

    def record(self, load: str, release: int, run_id: str, event: Event) -> None:
        with self._session("its history") as session:
            self._make_schema(session, "control")
            session.execute(
                f"create table if not exists {self._history} (load varchar, release bigint, "
                "run_id varchar, event varchar, recorded_ts timestamptz)"
            )
            session.execute(
                f"insert into {self._history} values (?, ?, ?, ?, now())",  # noqa: S608 - our name
                [load, release, run_id, event],
            )

    def is_as(self, table: WarehouseTable) -> bool:
        with self._session(table.label) as session:
            note = session.execute(
                "select coalesce(comment, '') from duckdb_tables() "
                "where schema_name = ? and table_name = ?",
                [f"{self._pipeline}_{table.layer}", table.name],
            ).fetchone()
            columns = self._columns(session, table.layer, table.name)
        wanted = {name: fully_quoted(kind) for name, kind in table.columns.items()}
        return columns == wanted and note == (table.note,)

    def create(self, table: WarehouseTable) -> None:
        columns = ", ".join(f'"{name}" {kind}' for name, kind in table.columns.items())
        note = table.note.replace("'", "''")
        with self._session(table.label) as session:
            self._make_schema(session, table.layer)
            session.execute(f"create or replace table {self._of(table)} ({columns})")
            session.execute(f"comment on table {self._of(table)} is '{note}'")

    def replace(self, table: WarehouseTable, partition: str | None, rows: Path) -> int:
        file = str(rows).replace("'", "''")
        columns = ", ".join(f'"{name}"' for name in table.columns)
        with self._session(table.label) as session:
            session.execute("begin")
            self._delete(session, table, partition)
            (count,) = session.execute(
                f"insert into {self._of(table)} ({columns}) "  # noqa: S608 - validated names
                f"select {columns} from read_parquet('{file}', hive_partitioning = false)"
            ).fetchall()[0]
            session.execute("commit")
        return int(count)

    def clear(self, table: WarehouseTable, partition: str) -> None:
        with self._session(table.label) as session:
            self._delete(session, table, partition)

    def counts(self, table: WarehouseTable) -> dict[str | None, int]:
        key = "null" if table.partition_column is None else self._partition(table)
        with self._session(table.label) as session:
            counted = session.execute(
                f"select {key}, count(*) from {self._of(table)} group by 1"  # noqa: S608
            )
            return dict(counted.fetchall())

    def rows(self, layer: str, tables: Sequence[str]) -> dict[str, int]:
        with self._session(layer) as session:
            counts = {
                name: session.execute(f"select count(*) from {self.where(layer, name)}").fetchall()[  # noqa: S608
                    0
                ][0]
                for name in tables
            }
        return {name: int(count) for name, count in counts.items()}

    def promote(self, source: str, layer: str, tables: Mapping[str, str]) -> None:  # noqa: ARG002
        raise WarehouseError(_NO_GOLD)

    def fetch(self, layer: str, table: str, target: Path) -> None:  # noqa: ARG002
        raise WarehouseError(_NO_GOLD)

    def dbt_target(self, building: str) -> DbtTarget:  # noqa: ARG002
        raise WarehouseError(_NO_GOLD)

    def close(self) -> None:
        self._connection.close()

    @property
    def _history(self) -> str:
        return self.where("control", _EVENTS)

    def _of(self, table: WarehouseTable) -> str:
        return self.where(table.layer, table.name)

    def _partition(self, table: WarehouseTable) -> str:
        return f"strftime(\"{table.partition_column}\", '{_FORMATS[table.grain]}')"

    def _delete(
        self, session: duckdb.DuckDBPyConnection, table: WarehouseTable, partition: str | None
    ) -> None:
        if partition is None:
            session.execute(f"delete from {self._of(table)}")  # noqa: S608 - validated names
            return
        session.execute(
            f"delete from {self._of(table)} where {self._partition(table)} = ?",  # noqa: S608
            [partition],
        )

    def _make_schema(self, session: duckdb.DuckDBPyConnection, layer: str) -> None:
        session.execute(f'create schema if not exists "{self._pipeline}_{layer}"')

    def _columns(
        self, session: duckdb.DuckDBPyConnection, layer: str, table: str
    ) -> dict[str, str]:
        rows = session.execute(
            "select column_name, data_type from duckdb_columns() "
            "where schema_name = ? and table_name = ? order by column_index",
            [f"{self._pipeline}_{layer}", table],
        )
        return {name: fully_quoted(kind) for name, kind in rows.fetchall()}

    @contextlib.contextmanager
    def _session(self, what: str) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._one_at_a_time:
            try:
                yield self._connection
            except duckdb.Error as error:
                with contextlib.suppress(duckdb.Error):
                    self._connection.execute("rollback")
                first = str(error).splitlines()[0]
                raise WarehouseError(f"{what}: the warehouse refused it: {first}") from None
