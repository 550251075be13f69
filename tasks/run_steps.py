"""The steps of a run as Prefect tasks: each reads, calls pure functions, and writes.

Belongs here: thin wrappers named after the table that they work on. Does not belong here: logic,
or the order of the steps (`flows/`).
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Collection
from datetime import date

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.audit import daily_figures, past_runs, write_record
from tasks.changed_days import NOTHING, WHOLE
from tasks.contracts.errors import PublishConflictError
from tasks.contracts.release import Release, WarehouseGold
from tasks.contracts.run_record import RunRecord, RunStatus, TableRecord
from tasks.contracts.spec import Table
from tasks.daily_files import files_of_run
from tasks.dimensions import (
    Pointer,
    dimension_gates,
    keep_snapshot,
    key_counts,
    latest_snapshot,
    move_pointer,
    read_snapshot,
)
from tasks.enrichment import judge_transform, run_transform, transform_record
from tasks.feed_appending import seal_for_run
from tasks.feed_silver import describe_feed, is_carried, judge_feed
from tasks.gold import (
    GoldBuild,
    build_gold,
    describe_fact,
    fact_record,
    judge_fact,
    reconciliation_gates,
)
from tasks.logic_fingerprint import logic_fingerprint
from tasks.releases import Current, missing_files, next_number, publish
from tasks.run_planning import inspect, look_for_base, make_plan, settle
from tasks.run_state import RunState
from tasks.silver import (
    build_silver,
    carried_build,
    describe_silver,
    judge_silver,
    silver_change,
)
from tasks.silver_inputs import models_of
from tasks.specs import spec_fingerprint
from tasks.staging import (
    build_staged,
    carried_tables,
    describe_staged,
    judge_staged,
    staged_models,
)
from tasks.table_results import build_of, cleared_away, keep_result, take_over
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


@task(task_run_name="silver models", cache_policy=NO_CACHE, persist_result=False)
def build_silver_models(state: RunState, tables: list[str], snapshots: list[str]) -> None:
    """Let dbt judge, deduplicate and quarantine the rows of `tables`, where any may differ."""
    run, base = state.run, state.base
    carried = [table for table in tables if state.kept(f"silver.{table}")]
    if carried and base.release is not None:
        state.builds.update(dict.fromkeys(carried, carried_build(base.release, carried)))
        for table in carried:
            names = run.spec.table(table).listed_names
            state.tables |= {name: base.release.tables[name] for name in names}
    due = [table for table in tables if table not in carried and not _reuse_silver(state, table)]
    staged = [table for table in due if run.spec.table(table).silver_as == "view"]
    if staged:
        told = [model for table in staged for model in staged_models(run.spec.table(table))]
        progress = _counter(state, "silver", told)
        views = build_staged(run, state.inventory, staged, state.tables, progress)
        state.builds.update(dict.fromkeys(staged, views))
        due = [table for table in due if table not in staged]
    if not due and not snapshots:
        return
    models = [model for table in due for model in models_of(run.spec.table(table))]
    models += [f"{name}_snapshot" for name in snapshots]
    made = build_silver(
        run,
        state.inventory,
        due,
        base=base,
        built={n: t for n, t in state.tables.items() if n.startswith("silver.")},
        snapshots=snapshots,
        progress=_counter(state, "silver", models),
    )
    state.builds.update(dict.fromkeys(due, made))


@task(task_run_name="silver {table}", cache_policy=NO_CACHE, persist_result=False)
def register_silver(state: RunState, table: str) -> None:
    """Describe one silver table and its quarantine, and judge them."""
    run = state.run
    entry = run.spec.table(table)
    if entry.feed is not None:
        _register_feed(state, entry)
        return
    if entry.silver_as == "view":
        _register_view(state, entry)
        return
    name, rejects = f"silver.{table}", f"silver.{entry.quarantine_name}"
    made, reused = state.builds[table], state.reused.get(name)
    if reused is None:
        silver, quarantine = describe_silver(run, entry, made, state.base)
        run.send(silver, quarantine)
        state.tables |= {name: silver, rejects: quarantine}
    else:
        silver, quarantine = state.tables[name], state.tables[rejects]
    written = files_of_run(run, silver, reused.run_id if reused else None)
    found = judge_silver(
        run, entry, state.inventory[table], made, silver, quarantine, written=written
    )
    change = silver_change(entry, made)
    keep_result(state, name, {name: silver, rejects: quarantine}, change, found.gates, made)
    state.changes[name] = change
    state.records[name] = found.record
    state.reasons[table] = dict(found.reasons)
    state.judge(found.gates)


def _register_view(state: RunState, table: Table) -> None:
    """Describe a table of which silver is a view, or carry it over, and judge it."""
    run, name, found = state.run, f"silver.{table.name}", state.inventory[table.name]
    made, release = state.builds[table.name], state.base.release
    if state.kept(name) is not None and release is not None:
        tables = carried_tables(release, table)
    else:
        tables = describe_staged(run, table, found, made)
    run.send(*tables.values())
    judged = judge_staged(run, table, found, made.counts[table.name], tables, made.nodes)
    state.tables |= tables
    state.changes[name] = silver_change(table, made)
    state.records[name] = judged.record
    state.reasons[table.name] = dict(judged.reasons)
    state.judge(judged.gates)


def _reuse_silver(state: RunState, table: str) -> bool:
    """Take over what another run has made of a silver table, if it has."""
    result = take_over(state, f"silver.{table}")
    if result is None:
        return False
    state.builds[table] = build_of(result)
    state.tables |= result.tables
    return True


def _register_feed(state: RunState, table: Table) -> None:
    """Keep the tables of a feed: its own, its quarantine, and those that were built with them."""
    run, name, made = state.run, f"silver.{table.name}", state.builds[table.name]
    if name not in state.reused:
        tables = describe_feed(run, table, made, state.base)
        run.send(*tables.values())
        state.tables |= tables
    tables = {each: state.tables[each] for each in table.listed_names}
    found = judge_feed(run, table, state.inventory[table.name], made, tables)
    change = NOTHING if is_carried(table, made) else WHOLE
    keep_result(state, name, tables, change, found.gates, made)
    state.changes |= dict.fromkeys((name, *(f"silver.{n}" for n in table.shown_beside)), change)
    state.records |= {record.table: record for record in found.records}
    state.reasons[table.name] = dict(found.reasons)
    state.judge(found.gates)


@task(task_run_name="snapshot {dimension}", cache_policy=NO_CACHE, persist_result=False)
def judge_snapshot(state: RunState, dimension: str, inputs: str) -> bool:
    """Judge a snapshot that was just built, and keep it in its partition if it passes."""
    run = state.run
    entry = next(d for d in run.spec.dimensions if d.name == dimension)
    written = run.work_folder / "dims" / dimension / "part-0.parquet"
    rows, distinct, nulls = key_counts(written, run.spec.table(entry.table).key)
    before = latest_snapshot(run.lake, run.pipeline, dimension, run.run_date)
    gates = dimension_gates(
        entry,
        rows=rows,
        distinct_keys=distinct,
        null_keys=nulls,
        previous=before.table.rows if before else None,
        mode=run.settings.gates,
    )
    state.judge(gates)
    passed = all(gate.status == "pass" for gate in gates)
    if passed:
        keep_snapshot(run, entry, written, inputs)
    return passed


@task(task_run_name="snapshot pointer", cache_policy=NO_CACHE, persist_result=False)
def show_snapshots(state: RunState, seen: Pointer, days: dict[str, date]) -> None:
    """Make the snapshots of `days` the current ones, of the dimensions that have others now."""
    run = state.run
    moved = {}
    for name, day in days.items():
        snapshot = read_snapshot(run.lake, run.pipeline, name, day)
        assert snapshot is not None, f"the snapshot of {name} of {day} is not there"
        if (seen.snapshots.get(name), seen.run_ids.get(name)) != (day, snapshot.run_id):
            moved[name] = snapshot
    if moved:
        move_pointer(run, seen, moved)


@task(task_run_name="dims {dimension}", cache_policy=NO_CACHE, persist_result=False)
def use_snapshot(state: RunState, dimension: str, day: date) -> None:
    """Take one dimension's current snapshot into the run."""
    run = state.run
    snapshot = read_snapshot(run.lake, run.pipeline, dimension, day)
    assert snapshot is not None, f"the pointer names a snapshot of {dimension} that is not there"
    state.use_snapshot(f"dims.{dimension}", snapshot.table)
    source = next(d.table for d in run.spec.dimensions if d.name == dimension)
    state.records[f"dims.{dimension}"] = TableRecord(
        table=f"dims.{dimension}",
        layer="dims",
        rows_in=snapshot.table.rows,
        rows_out=snapshot.table.rows,
        files=len(snapshot.table.files),
        bytes=snapshot.table.bytes,
        inputs=(f"silver.{source}",),
    )


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
        progress=_counter(state, "gold", facts),
    )


@task(task_run_name="gold {fact}", cache_policy=NO_CACHE, persist_result=False)
def register_fact(state: RunState, fact: str, made: GoldBuild) -> None:
    """Describe one fact and judge it."""
    entry = next(f for f in state.run.spec.gold if f.name == fact)
    name, change = f"gold.{fact}", made.changes[fact]
    reused = state.reused.get(name)
    if reused is None:
        table = describe_fact(state.run, entry, made, state.base)
        state.run.send(table)
    else:
        table, change = reused.tables[name], reused.change
    gates = judge_fact(entry, table, made.nodes)
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
def publish_release(state: RunState, base: Current) -> int:
    """Make every table visible at once: one release, one swap."""
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
    dims = {name: table for name, table in release.tables.items() if name.startswith("dims.")}
    gone = missing_files(run.lake, release.model_copy(update={"tables": dims}))
    gone += cleared_away(state)
    if gone:
        raise PublishConflictError(f"{gone[0].path} was cleared away meanwhile; run again")
    return publish(run.lake, release, base).release


def _gold_elsewhere(state: RunState) -> WarehouseGold | None:
    settings = state.run.settings
    if not computed_there(settings, state.run.spec) or "gold" not in settings.stages:
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
    ended: RunStatus = "computed" if release is None else "published"
    record = state.record("failed" if error else ended, release=release, error=error)
    path = write_record(run.lake, record)
    state.observers.run_ended(state, record)
    shutil.rmtree(run.work_folder, ignore_errors=True)
    run.mirror.close()
    return record, path


def _counter(state: RunState, layer: str, models: Collection[str]) -> Callable[[str], None]:
    """Tell of each of `models` that is done, but not of the steps on the way to them."""
    done: set[str] = set()

    def progress(node: str) -> None:
        if node in models:
            done.add(node)
            told = f"{layer}: {node} ({len(done)} of {len(models)} models)"
            state.tell(told, node=node, layer=layer)

    return progress
