"""The steps of silver and of the dimension snapshots, as Prefect tasks.

Belongs here: thin wrappers named after the table that they work on, and counting the models that
dbt has done. Does not belong here: logic, the other layers (`run_steps.py`), or the order of the
steps (`flows/`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import date

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.changed_days import NOTHING, WHOLE
from tasks.contracts.run_record import TableRecord
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
from tasks.feed_silver import describe_feed, is_carried, judge_feed
from tasks.run_state import RunState
from tasks.silver import (
    build_silver,
    carried_build,
    describe_silver,
    judge_silver,
    silver_change,
)
from tasks.silver_inputs import models_of
from tasks.staging import (
    build_staged,
    carried_tables,
    describe_staged,
    judge_staged,
    staged_models,
)
from tasks.table_results import build_of, keep_result, take_over


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
        progress = counter(state, "silver", told)
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
        progress=counter(state, "silver", models),
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


def counter(state: RunState, layer: str, models: Collection[str]) -> Callable[[str], None]:
    """Tell of each of `models` that is done, but not of the steps on the way to them."""
    done: set[str] = set()

    def progress(node: str) -> None:
        if node in models:
            done.add(node)
            told = f"{layer}: {node} ({len(done)} of {len(models)} models)"
            state.tell(told, node=node, layer=layer)

    return progress
