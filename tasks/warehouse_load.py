"""Bringing the warehouse to the release that the pointer names: one load, begun, done, recorded.

Belongs here: reading releases, handing each partition's rows to the warehouse, and verifying their
counts. Does not belong here: which partitions are replaced (`warehouse_plan.py`), the warehouse's
protocol (`blocks/warehouses`), or gold that is computed there (`warehouse_gold.py`).
"""

from __future__ import annotations

import logging
import secrets
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import SecretStr

from blocks.lake import Lake
from blocks.warehouse import Warehouse, WarehouseError
from tasks.contracts.errors import ReleaseError
from tasks.contracts.nested_kinds import list_item, struct_members
from tasks.contracts.release import Release
from tasks.contracts.run_record import GateResult, TableRecord
from tasks.contracts.spec import Spec
from tasks.contracts.warehouse import Standing, WarehouseTable, standing_of
from tasks.mirror import Mirror
from tasks.published_views import rows_sql
from tasks.releases import read_release
from tasks.sql_text import select_of
from tasks.warehouse_columns import Withheld, with_masks, withheld_columns
from tasks.warehouse_plan import (
    PartLoad,
    TableLoad,
    loaded_tables,
    plan_load,
    warehouse_table,
    wrong_counts,
)

ROUNDS = 3
_BATCH_ROWS = 65_536
log = logging.getLogger("medallion")
_ARROW = {
    "VARCHAR": pa.string(),
    "BIGINT": pa.int64(),
    "INTEGER": pa.int32(),
    "DOUBLE": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "DATE": pa.date32(),
    # Ours are in UTC and say so in the warehouse.
    "TIMESTAMP": pa.timestamp("us", "UTC"),
    "TIMESTAMP WITH TIME ZONE": pa.timestamp("us", "UTC"),
}


@dataclass(frozen=True)
class WarehouseSummary:
    """What became of the warehouse: the release that it shows, and what was replaced for that."""

    release: int
    tables: int
    partitions: int
    rows: int
    gold: int | None = None


class WarehouseLoad:
    """A plain object on purpose: Prefect walks through dataclasses and models given to tasks.

    `work` is a folder for copies; `run_id` is of the run that loads; `reconciled` are the tables
    (`layer.name`) that gold is compared with where the warehouse computes it. `mask_key` is needed
    where gold shows masks.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        lake: Lake,
        mirror: Mirror,
        spec: Spec,
        *,
        run_id: str,
        work: Path,
        reconciled: Collection[str] = (),
        mask_key: SecretStr | None = None,
    ) -> None:
        self.warehouse, self.lake, self.mirror, self.spec = warehouse, lake, mirror, spec
        self.run_id, self.work = run_id, work
        self.reconciled = reconciled
        self.key = mask_key.get_secret_value().encode() if mask_key is not None else None
        self.release: Release | None = None
        self.tables: dict[str, TableLoad] = {}
        self.load_id = ""
        self.rounds = 0
        self.done: dict[str, int] = {}  # rows replaced, by table
        self.partitions = 0
        self.gold: int | None = None
        self.gates: list[GateResult] = []
        self.records: dict[str, TableRecord] = {}

    @property
    def has_gold(self) -> bool:
        """Whether gold is in the warehouse alone."""
        assert self.release is not None
        return self.release.warehouse_gold is not None

    @property
    def builds_gold(self) -> bool:
        """Whether gold is to be built of what is loaded: the lake has none, and it is not there."""
        assert self.release is not None
        return self.has_gold and self.gold != self.release.release

    @property
    def withheld(self) -> Withheld:
        """What stays in the lake of the release, and where the warehouse gets masks for it."""
        return withheld_columns(self.spec, masks=self.has_gold, key=self.key)

    @property
    def summary(self) -> WarehouseSummary:
        assert self.release is not None
        rows = sum(self.done.values())
        return WarehouseSummary(
            self.release.release, len(self.done), self.partitions, rows, self.gold
        )

    def close(self) -> None:
        """Let go of the warehouse and of the copies."""
        self.warehouse.close()
        shutil.rmtree(self.work, ignore_errors=True)


def begin_load(load: WarehouseLoad) -> bool:
    """Plan what the current release asks for; False if the warehouse shows it already.

    What is about to be written is recorded first: whoever finds a load that has not ended loads
    again what it may have written.
    """
    load.release = read_release(load.lake, load.spec.pipeline)
    standing = standing_of(load.warehouse.events())
    load.gold, load.tables = standing.gold, {}
    if standing.shows(load.release.release):
        return False
    load.rounds += 1
    if load.rounds > ROUNDS:
        raise WarehouseError(
            f"the warehouse does not show release {load.release.release}: others load at the same "
            "time; run again when it is quiet"
        )
    load.load_id = secrets.token_hex(8)
    load.warehouse.record(load.load_id, load.release.release, load.run_id, "begun")
    # Others may have begun meanwhile; from now on they know of this load.
    others = [event for event in load.warehouse.events() if event.load != load.load_id]
    planned = _planned(load, load.release, standing_of(others))
    load.tables = {each.table.label: each for each in planned}
    return True


def load_table(load: WarehouseLoad, name: str) -> None:
    """Replace what is planned of one table and verify its rows, all of them.

    Raises WarehouseError naming the partitions whose rows are not those of the release.
    """
    planned = load.tables[name]
    if planned.anew:
        load.warehouse.create(planned.table)
    for part in planned.parts:
        if not part.files and part.partition is not None:
            load.warehouse.clear(planned.table, part.partition)
            continue
        file = load.work / name / f"{part.partition or 'all'}.parquet"
        write_rows(_batches(load, name, part), planned.table, file)
        try:
            load.warehouse.replace(planned.table, part.partition, file)
        finally:
            file.unlink(missing_ok=True)
    wrong = wrong_counts(planned, load.warehouse.counts(planned.table))
    if wrong:
        more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        raise WarehouseError(f"the warehouse has {wrong[0]}{more}; load again")
    load.done[name] = load.done.get(name, 0) + planned.rows
    load.partitions += len(planned.parts)
    log.info(f"warehouse: {name}: {planned.rows:,} rows", extra={"run_id": load.run_id})


def end_load(load: WarehouseLoad) -> None:
    """Record that the warehouse shows the release."""
    assert load.release is not None
    load.warehouse.record(load.load_id, load.release.release, load.run_id, "loaded")


def _planned(load: WarehouseLoad, release: Release, standing: Standing) -> list[TableLoad]:
    names = loaded_tables(load.spec, release, load.reconciled)
    fitting = [
        name
        for name in names
        if load.warehouse.is_as(warehouse_table(name, release.tables[name], load.withheld))
    ]
    numbers = {*standing.suspects, *(() if standing.loaded is None else (standing.loaded,))}
    known = {number: found for number in numbers if (found := _release(load, number)) is not None}
    return plan_load(names, release, standing, known, fitting, load.withheld)


def _release(load: WarehouseLoad, number: int) -> Release | None:
    """Read a release, unless maintenance has removed it."""
    try:
        return read_release(load.lake, load.spec.pipeline, number)
    except ReleaseError:
        return None


def _batches(load: WarehouseLoad, name: str, part: PartLoad) -> Iterator[pa.RecordBatch]:
    """Read the rows of a partition, or those of a view, with masks where they are loaded."""
    assert load.release is not None
    is_view, masks = load.release.tables[name].view is not None, load.withheld.masks(name)
    if is_view or (masks and part.files):
        rows = rows_sql(name, load.release.tables, load.mirror.paths)
        if not is_view:
            rows = select_of(load.mirror.paths(part.files))
        with duckdb.connect() as connection:
            connection.execute("set TimeZone = 'UTC'")
            sql = with_masks(connection, rows, masks, load.key)
            yield from connection.execute(sql).to_arrow_reader(_BATCH_ROWS)
        return
    for path in load.mirror.paths(part.files):
        with pq.ParquetFile(path) as source:
            yield from source.iter_batches(_BATCH_ROWS)


def write_rows(batches: Iterable[pa.RecordBatch], table: WarehouseTable, target: Path) -> None:
    """Write rows to one file with the types that the warehouse expects.

    Raises WarehouseError where they have not the columns of the table.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    schema = _schema(table.columns)
    with pq.ParquetWriter(target, schema, compression="snappy") as writer:
        for batch in batches:
            try:
                rows = pa.Table.from_batches([batch]).select(schema.names).cast(schema)
            except (KeyError, pa.ArrowInvalid, ValueError) as error:
                raise WarehouseError(f"{table.label}: its rows do not fit: {error}") from None
            writer.write_table(rows)


def _schema(columns: Mapping[str, str]) -> pa.Schema:
    return pa.schema([(name, _arrow_type(kind)) for name, kind in columns.items()])


def _arrow_type(kind: str) -> pa.DataType:
    item, members = list_item(kind), struct_members(kind)
    if item is not None:
        return pa.list_(_arrow_type(item))
    if members is not None:
        return pa.struct([(name, _arrow_type(each)) for name, each in members.items()])
    if kind.startswith("DECIMAL("):
        digits, scale = kind.removeprefix("DECIMAL(").removesuffix(")").split(",")
        return pa.decimal128(int(digits), int(scale))
    if kind not in _ARROW:
        raise WarehouseError(f"the warehouse takes no column of type {kind}")
    return _ARROW[kind]
