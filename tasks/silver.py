"""Base silver: building it with dbt, and its tables with their gates.

Belongs here: running a silver build, its row counts, and what it and the release before make of a
table. Does not belong here: what a build reads (`silver_inputs.py`), the rules themselves
(`dbt/macros/silver`), or running dbt (`dbt_runs.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq

from tasks.bronze_inventory import BronzeTable
from tasks.contracts.changes import TableChange
from tasks.contracts.errors import BronzeError, BuildError
from tasks.contracts.release import PublishedFile, PublishedTable, Release, SilverCounts
from tasks.contracts.run_record import GateResult, TableRecord
from tasks.contracts.spec import Spec, Table
from tasks.dbt_models import require_models
from tasks.dbt_runs import DbtNode, build
from tasks.gates import outcome, silver_gates
from tasks.pii_gates import silver_pii_gate
from tasks.published_files import describe_table, flatten_partitions, with_carried
from tasks.quality_metrics import quality_gates, quality_of
from tasks.row_validation import schema_breaches
from tasks.run_base import NOTHING, Base
from tasks.run_context import RunContext
from tasks.silver_inputs import (
    NO_CORRECTION,
    CorrectedCounts,
    corrected_counts,
    models_of,
    partition_expression,
    partition_of,
    silver_inputs,
)
from tasks.silver_record import silver_record
from tasks.unreadable_files import unreadable_files


@dataclass(frozen=True)
class SilverBuild:
    """What one dbt invocation has done: row counts and touched partitions by table, its nodes.

    Without partitions in `touched` a table was computed whole. Of the touched partitions the
    `rewritten` ones hold released rows, too: their files of the release go.
    """

    counts: Mapping[str, SilverCounts] = field(default_factory=dict)
    touched: Mapping[str, frozenset[str]] = field(default_factory=dict)
    rewritten: Mapping[str, frozenset[str]] = field(default_factory=dict)
    corrected: Mapping[str, CorrectedCounts] = field(default_factory=dict)
    nodes: tuple[DbtNode, ...] = ()

    def seconds(self, table: Table) -> float:
        """Return the time that dbt spent on the models of `table`."""
        names = set(models_of(table))
        return sum(node.seconds for node in self.nodes if node.name in names)


def with_parents(spec: Spec, names: Iterable[str]) -> list[str]:
    """Return the tables `names` and all that they refer to, in the order of the specification."""
    wanted = set(names)
    for table in reversed(spec.tables):
        if table.name in wanted:
            wanted |= {key.references for key in table.foreign_keys}
    return [table.name for table in spec.tables if table.name in wanted]


def build_silver(
    run: RunContext,
    inventory: Mapping[str, BronzeTable],
    tables: Sequence[str],
    *,
    base: Base = NOTHING,
    built: Mapping[str, PublishedTable],
    snapshots: Sequence[str] = (),
    progress: Callable[[str], None] | None = None,
) -> SilverBuild:
    """Build silver `tables` (and snapshots of dimensions) from the files of the inventory.

    On top of the release of `base` only what its bronze did not hold is read. `built` holds silver
    tables of this run that are not built here; they are read as parents.
    Raises BronzeError if a bronze file cannot be decoded, else BuildError.
    """
    corrected = corrected_counts(run, inventory, tables, base)
    inputs = silver_inputs(
        run,
        inventory,
        tables,
        base=base,
        built=built,
        snapshots=snapshots,
        corrected=corrected,
    )
    models = [model for name in tables for model in models_of(run.spec.table(name))]
    models += [f"{name}_snapshot" for name in snapshots]
    try:
        nodes = build(
            run.engine,
            run.spec,
            inputs,
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
    counts = read_counts(inputs.outputs["audit.row_counts"], run.spec, base.release, corrected)
    if base.release is None:
        return SilverBuild(counts, corrected=corrected, nodes=tuple(nodes))
    rows = pq.read_table(inputs.outputs["audit.touched"] / "part-0.parquet").to_pylist()
    in_part = [name for name in tables if run.spec.table(name).feed is None]
    touched = {
        name: frozenset(row["value"] for row in rows if row["table_name"] == name)
        for name in in_part
    }
    rewritten = {
        name: frozenset(r["value"] for r in rows if r["table_name"] == name and r["is_rewritten"])
        for name in in_part
    }
    return SilverBuild(counts, touched, rewritten, corrected, tuple(nodes))


def read_counts(
    folder: Path,
    spec: Spec,
    release: Release | None,
    corrected: Mapping[str, CorrectedCounts],
) -> dict[str, SilverCounts]:
    """Read how dbt judged the rows it was given, and add what the release had counted.

    `corrected` counts by table the rows that it was not given, as others stand in their place.
    """
    counts = {}
    for row in pq.read_table(folder / "part-0.parquet").to_pylist():
        name, rivals = row.pop("table_name"), row.pop("rivals")
        # Of JSON records dbt counts all that are known, those of the release before, too.
        if spec.table(name).feed is not None:
            counts[name] = SilverCounts(**row)
            continue
        replaced = corrected.get(name, NO_CORRECTION)
        row["bronze"] += replaced.seen
        row["corrected"] = replaced.seen + replaced.released
        if release is not None:
            before = release.counts[name]
            row["corrected"] += before.corrected
            row["bronze"] += before.bronze
            if spec.table(name).judges_rejects_anew:
                row["bronze"] -= before.quarantined
            else:
                row["quarantined"] += before.quarantined - replaced.released
            row["valid"] += before.valid
            row["distinct_keys"] += before.distinct_keys - rivals
        counts[name] = SilverCounts(**row)
    return counts


def carried_build(release: Release, tables: Iterable[str]) -> SilverBuild:
    """Return the build of tables that stay as they were released."""
    names = list(tables)
    none: dict[str, frozenset[str]] = dict.fromkeys(names, frozenset())
    return SilverBuild({name: release.counts[name] for name in names}, none, none)


def silver_change(table: Table, made: SilverBuild) -> TableChange:
    """Say what of silver `table` differs from the release before."""
    touched = made.touched.get(table.name)
    if touched is None or (touched and table.silver_partition != "day"):
        return TableChange(whole=True, dates=frozenset())
    try:
        return TableChange(whole=False, dates=frozenset(map(date.fromisoformat, touched)))
    except ValueError:  # rows without a business date
        return TableChange(whole=True, dates=frozenset())


def describe_silver(
    run: RunContext, table: Table, made: SilverBuild, base: Base
) -> tuple[PublishedTable, PublishedTable]:
    """Describe `table` and its quarantine as they are now, written or carried over."""
    name = table.name
    released = base.release.tables[f"silver.{name}"] if base.release else None
    rejected = base.release.tables[f"silver.{table.quarantine_name}"] if base.release else None
    folder = run.folder("silver", name)
    flatten_partitions(folder)
    written = describe_table(
        run.mirror.store_of("silver"),
        "silver",
        run.prefix(name),
        key=table.key,
        partition_column=table.business_date_column if partition_expression(table) else None,
    )
    rewritten = made.rewritten.get(name)
    silver = with_carried(
        written,
        released,
        lambda f: rewritten is not None and partition_of(f.partition) not in rewritten,
    )
    new_rejects = describe_table(
        run.mirror.store_of("silver"), "silver", run.prefix(table.quarantine_name)
    )
    keep = keep_rejects(table, new_rejects, made.corrected.get(name, NO_CORRECTION))
    quarantine = with_carried(new_rejects, rejected, keep).model_copy(
        update={"quarantine_of": f"silver.{name}"}
    )
    return silver, quarantine


@dataclass(frozen=True)
class JudgedSilver:
    """How the gates of a silver table judged it, and what they counted."""

    gates: tuple[GateResult, ...]
    record: TableRecord
    reasons: Mapping[str, int]


def judge_silver(
    run: RunContext,
    table: Table,
    bronze: BronzeTable,
    made: SilverBuild,
    silver: PublishedTable,
    quarantine: PublishedTable,
    *,
    written: PublishedTable,
) -> JudgedSilver:
    """Judge `table` and its quarantine; the rows of `written`, a part of it, are new."""
    name, counts = table.name, made.counts[table.name]
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
    gates.append(outcome("silver", name, "row_schema", _row_breaches(run, name, written)))
    figures = {"bronze": bronze.rows, "silver": silver.rows, "superseded": counts.superseded}
    gates += quality_gates(run.spec, name, **figures, mode=run.settings.gates)
    gates.append(silver_pii_gate(run.spec, name, run.mirror, written, run.settings.gates))
    reasons = reason_counts(run, quarantine)
    record = silver_record(
        table,
        bronze.rows,
        counts,
        silver,
        quarantine,
        quality=quality_of(**figures, broken=reasons),
        seconds=made.seconds(table),
    )
    return JudgedSilver(tuple(gates), record, reasons)


def keep_rejects(
    table: Table, written: PublishedTable, corrected: CorrectedCounts
) -> Callable[[PublishedFile], bool]:
    """Tell which quarantine files of the release stay: all or none.

    None where their rows were judged anew, or written anew without those that were corrected.
    """
    replaced = written.files if table.judges_rejects_anew else corrected.released
    return lambda _: not replaced


def _row_breaches(run: RunContext, name: str, table: PublishedTable) -> list[str]:
    from tasks.contracts.silver_schema import silver_schema  # noqa: PLC0415 - pandera is slow

    return schema_breaches(run.urls(table), silver_schema(run.spec, name)) if table.files else []


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
