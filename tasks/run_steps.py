"""The steps of a run as Prefect tasks: each reads, calls pure functions, and writes.

Belongs here: thin wrappers named after the table that they work on. Does not belong here: logic,
silver and the snapshots (`silver_steps.py`), or the order of the steps (`flows/`).
"""

from __future__ import annotations

import shutil
import time
from datetime import datetime

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.audit import daily_figures, past_runs, write_record
from tasks.changed_days import NOTHING
from tasks.contracts.errors import PublishConflictError
from tasks.contracts.release import Release, WarehouseGold
from tasks.contracts.run_record import RunRecord
from tasks.daily_files import files_of_run
from tasks.enrichment import judge_transform, run_transform, transform_record
from tasks.feed_appending import seal_for_run
from tasks.gold import (
    GoldBuild,
    build_gold,
    describe_fact,
    fact_record,
    judge_fact,
    reconciliation_gates,
)
from tasks.logic_fingerprint import logic_fingerprint
from tasks.pii_gates import gold_pii_gate
from tasks.releases import Current, missing_files, next_number, publish
from tasks.repeated_runs import was_published_meanwhile
from tasks.run_planning import inspect, look_for_base, make_plan, settle
from tasks.run_state import RunState
from tasks.silver_steps import counter
from tasks.specs import spec_fingerprint
from tasks.table_results import cleared_away, keep_result, take_over
from tasks.warehouse_gold import computed_there, gold_elsewhere


@task(task_run_name="base", cache_policy=NO_CACHE, persist_result=False)
def find_base(state: RunState) -> Current:
    """Find the release that the run may build on; return the pointer that a publish must find."""
    return look_for_base(state)


@task(task_run_name="base settled", cache_policy=NO_CACHE, persist_result=False)
def confirm_base(state: RunState) -> bool:
    """Compare the base's bronze with what is there; False if all of it must be inspected anew."""
    return settle(state)


@task(task_run_name="plan", cache_policy=NO_CACHE, persist_result=False)
def plan(state: RunState, seen: Current) -> None:
    """Decide which stages and tables the run goes through, from what was found."""
    state.plan = make_plan(state, seen.release)


@task(task_run_name="bronze {table}", cache_policy=NO_CACHE, persist_result=False)
def inspect_bronze(state: RunState, table: str) -> None:
    """Verify what the manifests of one bronze table list."""
    seal_for_run(state.run, table)
    inspect(state, table)


@task(task_run_name="enriched {name}", cache_policy=NO_CACHE, persist_result=False)
def enrich(state: RunState, name: str) -> None:
    """Run one transform and judge its rows."""
    began = time.monotonic()
    run = state.run
    transform = next(t for t in run.spec.transforms if t.name == name)
    place = f"enriched.{name}"
    kept = state.kept(place)
    reused = take_over(state, place) if kept is None else None
    if kept is not None:
        table, change = kept, NOTHING
    elif reused is not None:
        table, change = reused.tables[place], reused.change
    else:
        table, change = run_transform(run, transform, state.tables, state.base, state.changes)
    written = files_of_run(run, table, reused.run_id if reused else None)
    gates = judge_transform(run, transform, table, written, state.tables)
    seconds = time.monotonic() - began
    run.send(table)
    keep_result(state, place, {place: table}, change, gates)
    state.tables[place] = table
    state.changes[place] = change
    state.records[place] = transform_record(transform, table, state.tables, seconds)
    state.judge(gates)
    state.tell(f"{place}: {table.rows:,} rows in {seconds:.1f} s", table=name)


@task(task_run_name="gold models", cache_policy=NO_CACHE, persist_result=False)
def build_gold_models(state: RunState) -> GoldBuild:
    """Let dbt build the facts and run their tests and the reconciliations."""
    declared = state.run.spec.gold
    facts = [fact.name for fact in declared if not fact.internal]
    standing = [fact.name for fact in declared if state.kept(f"gold.{fact.name}")]
    due = [fact.name for fact in declared if fact.name not in standing]
    found = {name: take_over(state, f"gold.{name}") for name in due}
    return build_gold(
        state.run,
        state.tables,
        state.base,
        state.changes,
        standing=standing,
        reused={name: r.tables[r.table] for name, r in found.items() if r is not None},
        progress=counter(state, "gold", facts),
    )


@task(task_run_name="gold {fact}", cache_policy=NO_CACHE, persist_result=False)
def register_fact(state: RunState, fact: str, made: GoldBuild) -> None:
    """Describe one fact and judge it."""
    run = state.run
    entry = next(f for f in run.spec.gold if f.name == fact)
    name, change = f"gold.{fact}", made.changes[fact]
    reused = state.reused.get(name)
    if reused is None:
        table = describe_fact(state.run, entry, made, state.base)
        state.run.send(table)
    else:
        table, change = reused.tables[name], reused.change
    gates = judge_fact(entry, table, made.nodes)
    gates.append(gold_pii_gate(run.spec, fact, run.mirror, table, run.settings.gates))
    keep_result(state, name, {name: table}, change, gates)
    state.tables[name] = table
    state.changes[name] = change
    if entry.internal:  # nothing to tell of it, unless it is wrong
        state.judge(gate for gate in gates if gate.status != "pass")
        return
    state.records[name] = fact_record(entry, table, state.tables, made.nodes)
    state.judge(gates)


@task(task_run_name="gold reconciliations", cache_policy=NO_CACHE, persist_result=False)
def judge_reconciliations(state: RunState, made: GoldBuild) -> None:
    """Keep the results of the tests that span several tables, and the SQL of the build."""
    state.compiled = made.nodes
    state.judge(reconciliation_gates(state.run.spec.gold, made.nodes))


@task(task_run_name="publish", cache_policy=NO_CACHE, persist_result=False)
def publish_release(state: RunState, base: Current, asked_at: datetime) -> int | None:
    """Make every table visible at once: one release, one swap.

    Where another run has published the same since `asked_at`, nothing is: `state.repeated` says so.
    """
    run = state.run
    run.send(*state.tables.values())  # what is there already is not sent again
    release = Release(
        pipeline=run.pipeline,
        release=next_number(base),
        previous=base.release,
        run_id=run.run_id,
        run_date=run.run_date,
        as_of=run.as_of,
        created_at=run.started_at,
        spec_fingerprint=spec_fingerprint(run.spec),
        logic_fingerprint=logic_fingerprint(run.pipeline),
        artifact=run.artifact,
        bronze={n: tuple(sorted(t.identities)) for n, t in sorted(state.inventory.items())},
        bronze_root=run.lake.bronze.url("") if run.lake.foreign_bronze else None,
        counts=dict(sorted(state.silver_counts.items())),
        masked_by=run.masked_by,
        warehouse_gold=_gold_elsewhere(state),
        tables=dict(sorted(state.tables.items())),
    )
    if was_published_meanwhile(run.lake, release, state.base.release, base, asked_at):
        state.repeated = base.release
        state.tell(f"release {base.release} holds the same, published meanwhile")
        return None
    dims = {name: table for name, table in release.tables.items() if name.startswith("dims.")}
    gone = missing_files(run.lake, release.model_copy(update={"tables": dims}))
    gone += cleared_away(state)
    if gone:
        raise PublishConflictError(f"{gone[0].path} was cleared away meanwhile; run again")
    return publish(run.lake, release, base).release


def _gold_elsewhere(state: RunState) -> WarehouseGold | None:
    settings = state.run.settings
    if not computed_there(settings) or "gold" not in settings.stages:
        return None
    return gold_elsewhere(settings.warehouse, state.run.spec)


@task(task_run_name="report", cache_policy=NO_CACHE, persist_result=False)
def report(state: RunState, release: int | None, error: str | None) -> tuple[RunRecord, str]:
    """Write the run's audit record and reports; return the record and where the report lies."""
    run, chart = state.run, state.run.spec.chart
    state.history = past_runs(run.lake, run.pipeline)
    if chart is not None and chart.table in state.tables:
        state.revenue = daily_figures(
            run.mirror, chart, state.tables[chart.table], until=run.run_date
        )
    record = state.record(release=release, error=error)
    path = write_record(run.lake, record)
    state.observers.run_ended(state, record)
    shutil.rmtree(run.work_folder, ignore_errors=True)
    run.mirror.close()
    return record, path
