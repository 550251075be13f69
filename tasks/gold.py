"""Gold: building the facts and their data tests by dbt, and describing them.

Belongs here: the inputs and outputs of a gold build, what of the facts it carries over, and its
gates. Does not belong here: the facts' SQL (`dbt/models/<pipeline>/gold`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from tasks.changed_days import NOTHING, WHOLE, Days, Period, days_to_compute
from tasks.contracts.changes import TableChange
from tasks.contracts.release import PublishedTable
from tasks.contracts.run_record import GateResult, TableRecord
from tasks.contracts.spec import GoldFact
from tasks.daily_files import files_of_other_days, is_cut_by_day
from tasks.dbt_models import require_models
from tasks.dbt_runs import DbtInputs, DbtNode, build
from tasks.gates import row_gates
from tasks.gold_base import merging_inputs
from tasks.input_rows import InputRows
from tasks.published_files import describe_table, flatten_partitions, with_carried
from tasks.published_views import rows_sql
from tasks.run_base import NOTHING as NO_BASE
from tasks.run_base import Base
from tasks.run_context import RunContext


@dataclass(frozen=True)
class GoldBuild:
    """What one dbt invocation has done: its nodes, and what of each fact it has written."""

    nodes: tuple[DbtNode, ...]
    changes: Mapping[str, TableChange]


def build_gold(
    run: RunContext,
    tables: Mapping[str, PublishedTable],
    base: Base = NO_BASE,
    changes: Mapping[str, TableChange] = MappingProxyType({}),
    *,
    standing: Collection[str] = (),
    reused: Mapping[str, PublishedTable] = MappingProxyType({}),
    progress: Callable[[str], None] | None = None,
) -> GoldBuild:
    """Build the facts and run their data tests and the reconciliations; raises BuildError.

    `changes` says what of `tables` differs from the base's, `standing` which facts stay, `reused`
    which another run has built. What is there of a fact already is not written; tests see it in
    its files.
    """
    selects = {
        name: [rows_sql(name, tables, run.paths)]
        for name in tables
        if name.partition(".")[0] in ("silver", "enriched")
    }
    outputs, partitions, carried, only_rows = {}, {}, {}, {}
    written: dict[str, TableChange] = {}
    for fact in run.spec.gold:
        name = f"gold.{fact.name}"
        outputs[name] = run.folder("gold", fact.name)
        change = NOTHING
        if fact.name not in standing and fact.name not in reused:
            change = fact_change(run, fact, tables, base, changes)
        written[fact.name] = change
        column = _cut_along(fact)
        if column is not None:
            partitions[name] = f"strftime({column}, '%Y-%m-%d')"
        if not change.whole:
            only_rows[name] = _on_days(column, change.dates)
            kept = reused.get(fact.name) or _carried(fact, base, change)
            if kept is not None:
                carried[name] = run.urls(kept)
    previous, more = merging_inputs(run, tables, base, changes)
    nodes = build(
        run.engine,
        run.spec,
        DbtInputs(
            selects | previous,
            outputs,
            partitions=partitions,
            more={"carried": carried, "only_rows": only_rows, **more},
        ),
        run_id=run.run_id,
        run_date=run.run_date,
        select=[f"path:models/{run.pipeline}/gold", f"path:tests/reconciliation/{run.pipeline}"],
        progress=progress,
    )
    facts = [fact.name for fact in run.spec.gold]
    require_models(nodes, facts, f"dbt/models/{run.pipeline}/gold")
    return GoldBuild(tuple(nodes), written)


def fact_change(
    run: RunContext,
    fact: GoldFact,
    tables: Mapping[str, PublishedTable],
    base: Base,
    changes: Mapping[str, TableChange],
) -> TableChange:
    """Return what of a fact may differ from the base's.

    Every row tells the run date: a run of another day writes all of them, and to build a fact
    takes no longer than to read and write it.
    """
    released = base.release.tables.get(f"gold.{fact.name}") if base.release else None
    if base.release is None or released is None:
        return WHOLE
    if (base.release.run_date, base.release.as_of) != (run.run_date, run.as_of):
        return WHOLE
    column = _cut_along(fact)
    if column is not None and not is_cut_by_day(released, column):
        return WHOLE
    names = {name: name for name in fact.inputs}
    inputs = InputRows(run, names, tables, base.release.tables)
    found = {name: changes.get(name, WHOLE) for name in fact.inputs}
    period = Period(base.release.run_date, run.run_date)
    return days_to_compute(fact.incremental, {}, found, period, inputs.linked)


def describe_fact(
    run: RunContext, fact: GoldFact, made: GoldBuild, base: Base = NO_BASE
) -> PublishedTable:
    """Describe a fact as it is now: the files of this run, and those that it carries over."""
    flatten_partitions(run.folder("gold", fact.name))
    written = describe_table(
        run.mirror.store_of("gold"),
        "gold",
        run.prefix(fact.name),
        key=fact.key,
        partition_column=_cut_along(fact),
    )
    kept = _carried(fact, base, made.changes[fact.name])
    table = with_carried(written, kept, lambda _: True)
    return table.model_copy(update={"internal": fact.internal})


def _carried(fact: GoldFact, base: Base, change: TableChange) -> PublishedTable | None:
    """Return the base's fact with the files only that stay part of it, if any do."""
    if base.release is None or change.whole:
        return None
    released = base.release.tables[f"gold.{fact.name}"]
    column = _cut_along(fact)
    if not change.dates or column is None:
        return released
    files = files_of_other_days(released, column, change.dates)
    return released.model_copy(update={"files": tuple(files)}) if files else None


def _cut_along(fact: GoldFact) -> str | None:
    """The column along which a fact is cut into files, if it is."""
    return fact.partition_column if fact.incremental is not None else None


def _on_days(column: str | None, days: Days) -> str:
    """Return the SQL condition of the rows on `days`."""
    if column is None or not days:
        return "false"
    dates = ", ".join(f"date '{day}'" for day in sorted(days))
    return f"{column} in ({dates})"


def judge_fact(fact: GoldFact, table: PublishedTable, nodes: Sequence[DbtNode]) -> list[GateResult]:
    """Return the fact's row check and its data tests, which dbt has run."""
    tests = [
        GateResult(
            layer="gold",
            table=fact.name,
            check=node.name.removeprefix(f"{fact.name}_"),
            status="pass",
            observed=node.failures or 0,
            threshold=0,
        )
        for node in nodes
        if node.kind == "test" and node.name.startswith(f"{fact.name}_")
    ]
    return [*row_gates("gold", fact.name, table.rows, min_rows=fact.min_rows), *tests]


def reconciliation_gates(facts: Sequence[GoldFact], nodes: Sequence[DbtNode]) -> list[GateResult]:
    """Return the data tests that span several tables: the reconciliations."""
    own = tuple(f"{fact.name}_" for fact in facts)
    return [
        GateResult(
            layer="gold",
            table="all",
            check=node.name,
            status="pass",
            observed=node.failures or 0,
            threshold=0,
        )
        for node in nodes
        if node.kind == "test" and not node.name.startswith(own)
    ]


def fact_record(
    fact: GoldFact,
    table: PublishedTable,
    tables: Mapping[str, PublishedTable],
    nodes: Sequence[DbtNode],
) -> TableRecord:
    """Record what a fact read and wrote."""
    return TableRecord(
        table=f"gold.{fact.name}",
        layer="gold",
        rows_in=sum(tables[name].rows for name in fact.inputs),
        rows_out=table.rows,
        files=len(table.files),
        bytes=table.bytes,
        seconds=sum(node.seconds for node in nodes if node.name == fact.name),
        inputs=fact.inputs,
    )
