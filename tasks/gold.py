"""Gold: building the facts and their data tests by dbt, and describing them.

Belongs here: the inputs and outputs of a gold build and its gates. Does not belong here: the
facts' SQL (`dbt/models/<pipeline>/gold`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from tasks.contracts.release import PublishedTable
from tasks.contracts.run_record import GateResult, TableRecord
from tasks.contracts.spec import GoldFact
from tasks.dbt_models import require_models
from tasks.dbt_runs import DbtInputs, DbtNode, build
from tasks.gates import row_gates
from tasks.published_files import describe_table
from tasks.run_context import RunContext
from tasks.sql_text import select_of


def build_gold(
    run: RunContext,
    tables: Mapping[str, PublishedTable],
    *,
    progress: Callable[[str], None] | None = None,
) -> list[DbtNode]:
    """Build every fact and run its data tests and the reconciliations; raises BuildError."""
    selects = {
        name: [select_of(run.urls(table))]
        for name, table in tables.items()
        if name.partition(".")[0] in ("silver", "enriched")
    }
    outputs = {f"gold.{fact.name}": run.folder("gold", fact.name) for fact in run.spec.gold}
    nodes = build(
        run.engine,
        run.spec,
        DbtInputs(selects, outputs),
        run_id=run.run_id,
        run_date=run.run_date,
        select=[f"path:models/{run.pipeline}/gold", f"path:tests/reconciliation/{run.pipeline}"],
        progress=progress,
    )
    facts = [fact.name for fact in run.spec.gold]
    require_models(nodes, facts, f"dbt/models/{run.pipeline}/gold")
    return nodes


def describe_fact(run: RunContext, fact: GoldFact) -> PublishedTable:
    """Describe the files of a fact that this run has written."""
    return describe_table(run.lake.gold, "gold", run.prefix(fact.name), key=fact.key)


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
