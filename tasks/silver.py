"""Base silver: which dbt models a build needs, and what it has written.

Belongs here: the inputs and outputs of a silver build, its row counts, and its tables with their
gates. Does not belong here: the rules themselves (`dbt/macros/silver`), or running dbt
(`dbt_runs.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow.parquet as pq

from tasks.bronze_inventory import BronzeTable, bronze_selects, received_types
from tasks.contracts.errors import BronzeError, BuildError
from tasks.contracts.release import PublishedTable
from tasks.contracts.run_record import GateResult, TableRecord
from tasks.contracts.spec import Spec, Table
from tasks.dbt_models import require_models
from tasks.dbt_runs import DbtInputs, DbtNode, build
from tasks.gates import RowCounts, outcome, silver_gates
from tasks.published_files import describe_table, flatten_partitions
from tasks.row_validation import schema_breaches
from tasks.run_context import RunContext
from tasks.sql_text import select_of
from tasks.unreadable_files import unreadable_files

QUARANTINE = "_quarantine"
_GRAINS = {"day": "%Y-%m-%d", "month": "%Y-%m"}


@dataclass(frozen=True)
class SilverBuild:
    """What one dbt invocation has written: row counts by table, and dbt's results."""

    counts: Mapping[str, RowCounts] = field(default_factory=dict)
    nodes: tuple[DbtNode, ...] = ()

    def seconds(self, table: str) -> float:
        """Return the time that dbt spent on the models of `table`."""
        names = {f"{table}_checked", table, f"{table}{QUARANTINE}"}
        return sum(node.seconds for node in self.nodes if node.name in names)


def with_parents(spec: Spec, names: Iterable[str]) -> list[str]:
    """Return the tables `names` and all that they refer to, in the order of the specification."""
    wanted = set(names)
    for table in reversed(spec.tables):
        if table.name in wanted:
            wanted |= {key.references for key in table.foreign_keys}
    return [table.name for table in spec.tables if table.name in wanted]


def models_of(tables: Iterable[str]) -> list[str]:
    """Return the dbt models of silver `tables`."""
    return [f"{t}{suffix}" for t in tables for suffix in ("_checked", "", QUARANTINE)]


def partition_expression(table: Table) -> str | None:
    """Return the SQL by which the silver files of `table` are cut, if they are."""
    grain = _GRAINS.get(table.silver_partition)
    return f"strftime({table.business_date_column}, '{grain}')" if grain else None


def build_silver(
    run: RunContext,
    inventory: Mapping[str, BronzeTable],
    tables: Sequence[str],
    *,
    built: Mapping[str, PublishedTable],
    snapshots: Sequence[str] = (),
    progress: Callable[[str], None] | None = None,
) -> SilverBuild:
    """Build silver `tables` (and snapshots of dimensions) from the files of the inventory.

    `built` holds silver tables that this run has built before; they are read as parents.
    Raises BronzeError if a bronze file cannot be decoded, else BuildError.
    """
    selects: dict[str, list[str]] = {}
    types, partitions = {}, {}
    outputs = {"audit.row_counts": run.work_folder / f"row_counts_{tables[0]}"}
    for name in tables:
        columns = dict(run.spec.bronze_columns(name))
        selects[f"bronze.{name}"] = bronze_selects(inventory[name], columns)
        types[f"bronze.{name}"] = received_types(inventory[name], columns)
        for output in (name, f"{name}{QUARANTINE}"):
            outputs[f"silver.{output}"] = run.folder("silver", output)
        expression = partition_expression(run.spec.table(name))
        if expression is not None:
            partitions[f"silver.{name}"] = expression
    for name, table in built.items():
        selects[name] = [select_of(run.urls(table))]
    for name in snapshots:
        outputs[f"dims.{name}"] = run.work_folder / "dims" / name
    models = [*models_of(tables), *(f"{name}_snapshot" for name in snapshots)]
    try:
        nodes = build(
            run.engine,
            run.spec,
            DbtInputs(selects, outputs, types, partitions),
            run_id=run.run_id,
            run_date=run.run_date,
            select=models,
            data_tests=False,  # the run's gates judge silver
            progress=progress,
        )
    except BuildError as error:
        broken = unreadable_files(inventory[name] for name in tables)
        if broken:
            raise BronzeError("\n".join(broken)) from error
        raise
    require_models(nodes, models, f"dbt/models/{run.pipeline}")
    counts = {}
    for row in pq.read_table(outputs["audit.row_counts"] / "part-0.parquet").to_pylist():
        name = row.pop("table_name")
        counts[name] = RowCounts(**row)
    return SilverBuild(counts, tuple(nodes))


@dataclass(frozen=True)
class SilverTable:
    """A silver table, its quarantine, and how its gates judged them."""

    silver: PublishedTable
    quarantine: PublishedTable
    gates: tuple[GateResult, ...]
    record: TableRecord
    reasons: Mapping[str, int]


def describe_silver(
    run: RunContext, table: Table, bronze: BronzeTable, made: SilverBuild
) -> SilverTable:
    """Describe what was written for `table`, and judge it."""
    name = table.name
    flatten_partitions(run.folder("silver", name))
    silver = describe_table(
        run.lake.silver,
        "silver",
        run.prefix(name),
        key=table.key,
        partition_column=table.business_date_column if partition_expression(table) else None,
    )
    quarantine = describe_table(run.lake.silver, "silver", run.prefix(f"{name}{QUARANTINE}"))
    counts = made.counts[name]
    gates = silver_gates(
        run.spec,
        table,
        counts,
        bronze.rows,
        silver,
        quarantine,
        null_rates(run, silver, table.gates.max_null_rates),
        run.settings.gates,
    )
    gates.append(outcome("silver", name, "row_schema", _row_breaches(run, name, silver)))
    record = TableRecord(
        table=f"silver.{name}",
        layer="silver",
        rows_in=bronze.rows,
        rows_out=silver.rows,
        quarantined=quarantine.rows,
        superseded=counts.superseded,
        files=len(silver.files),
        bytes=silver.bytes,
        seconds=made.seconds(name),
        inputs=(f"bronze.{name}", *(f"silver.{key.references}" for key in table.foreign_keys)),
    )
    return SilverTable(silver, quarantine, tuple(gates), record, reason_counts(run, quarantine))


def _row_breaches(run: RunContext, name: str, table: PublishedTable) -> list[str]:
    from tasks.contracts.silver_schema import silver_schema  # noqa: PLC0415 - pandera is slow

    return schema_breaches(run.urls(table), silver_schema(run.spec, name))


def null_rates(run: RunContext, table: PublishedTable, columns: Iterable[str]) -> dict[str, float]:
    """Return the share of NULLs of `columns`, from the statistics in the files' footers."""
    nulls = dict.fromkeys(columns, 0)
    if nulls:
        for url in run.urls(table):
            metadata = pq.read_metadata(url)
            positions = {metadata.schema.column(i).name: i for i in range(metadata.num_columns)}
            for group in range(metadata.num_row_groups):
                for column in nulls:
                    statistics = metadata.row_group(group).column(positions[column]).statistics
                    nulls[column] += statistics.null_count
    return {column: count / table.rows if table.rows else 0.0 for column, count in nulls.items()}


def reason_counts(run: RunContext, quarantine: PublishedTable) -> dict[str, int]:
    """Count the rows that broke each rule; a row counts once for each of its reasons."""
    counts: dict[str, int] = {}
    if quarantine.rows:
        reasons = pq.read_table(run.urls(quarantine), columns=["quarantine_reasons"])
        for reason in reasons.column(0).combine_chunks().flatten().value_counts().to_pylist():
            counts[reason["values"]] = reason["counts"]
    return counts
