"""Finding out what a run has to do: its base, its bronze, its snapshots, and the plan of them.

Belongs here: the reading that `medallion plan` and every run share; nothing is written. Does not
belong here: the decisions themselves (`run_base.py`, `run_plan.py`).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from blocks.settings import Settings
from tasks.backfill import published_days, standing_releases
from tasks.bronze_inventory import take_inventory
from tasks.bronze_manifests import record_key
from tasks.contracts.errors import ConfigurationError, ErasureConflictError, MedallionError
from tasks.contracts.release import Release
from tasks.dimensions import latest_snapshot, plan_snapshot, snapshot_inputs
from tasks.fetched_sources import source_on_disk
from tasks.gates import bronze_gates
from tasks.landing_checks import check_sources
from tasks.logic_fingerprint import logic_fingerprint
from tasks.pii_gates import bronze_pii_gate, bronze_policy_gates
from tasks.releases import (
    Current,
    erased_since,
    list_releases,
    missing_files,
    read_base,
    read_current,
)
from tasks.run_base import Base, choose_base, settle_base, taken_away
from tasks.run_plan import RunPlan, SnapshotPlan, WarehouseUse, plan_run
from tasks.run_state import RunState
from tasks.silver import with_parents
from tasks.source_files import find_sources
from tasks.specs import spec_fingerprint
from tasks.table_results import find_results, keys_of
from tasks.warehouse_gold import computed_there

log = logging.getLogger("medallion")


def look_for_base(state: RunState) -> Current:
    """Find the release that the run may build on; return the pointer that a publish must find.

    Raises ConfigurationError if the run would take tables from readers.
    """
    run = state.run
    current, release = read_base(run.lake, run.pipeline)
    lost = taken_away(release, run.settings.stages) if release and run.settings.publishes else []
    if lost:
        raise ConfigurationError(
            f"the stages of environment '{run.settings.environment}' leave {lost[0]} out, which "
            f"readers see in release {current.release}: run all stages, or set publish to false"
        )
    state.base = choose_base(
        release,
        spec=run.spec,
        spec_fingerprint=spec_fingerprint(run.spec),
        logic_fingerprint=logic_fingerprint(run.pipeline),
        run_date=run.run_date,
        full_refresh=run.full_refresh,
        gold_elsewhere=computed_there(run.settings),
        masked_by=run.masked_by,
    )
    if state.base.release is not None:
        missing = missing_files(run.lake, state.base.release)
        if missing:
            gone = f"a file of the release before is missing: {missing[0].path}"
            state.base = Base(None, gone)
    return current


def cause_of(state: RunState, error: Exception) -> Exception:
    """Return why a run failed: its files are gone if a person was erased while it was under way."""
    run, before = state.run, state.base.release
    try:
        erased = erased_since(run.lake, run.pipeline, before)
    except (MedallionError, OSError):
        return error
    if not erased:
        return error
    told = f"{run.pipeline}: a person was erased while the run was under way; run again"
    found = ErasureConflictError(told)
    found.__cause__ = error
    return found


def settle(state: RunState) -> bool:
    """Compare the base's bronze with what is there; False if all of it must be inspected anew."""
    before, state.base = state.base, settle_base(state.base, state.inventory)
    release = state.base.release
    if release is None:
        state.tell(f"computing everything: {state.base.reason}")
        return before.release is None
    state.tell(f"building on release {release.release}")
    return True


def inspect(state: RunState, table: str) -> None:
    """Verify what the manifests of one bronze table list."""
    run = state.run
    found = take_inventory(
        run.lake,
        run.spec,
        run.spec.table(table),
        run.run_date,
        threads=run.settings.threads,
        known=state.base.known(table),
        mirror=run.mirror,
    )
    state.inventory[table] = found
    state.judge(bronze_gates(run.spec, found))
    state.judge([bronze_pii_gate(run.spec, found, run.settings.gates)])
    state.judge(bronze_policy_gates(run.spec, found, run.masked_by, run.settings.gates))


def make_plan(
    state: RunState, follows: int | None, arriving: Mapping[str, int] | None = None
) -> RunPlan:
    """Return the plan of a run whose base is settled; `follows` is the current release."""
    run, snapshots, coming = state.run, {}, arriving or {}
    if "dimensions" in run.settings.stages:
        for dimension in run.spec.dimensions:
            if any(table in coming for table in with_parents(run.spec, [dimension.table])):
                snapshots[dimension.name] = SnapshotPlan(True, "files of it are to be landed")
                continue
            snapshots[dimension.name] = plan_snapshot(
                dimension,
                latest_snapshot(run.lake, run.pipeline, dimension.name, run.run_date),
                run.run_date,
                snapshot_inputs(run.spec, dimension, state.inventory, run.run_date, run.masked_by),
            )
    plan = plan_run(
        run.spec,
        state.base,
        state.inventory,
        run_date=run.run_date,
        as_of=run.as_of,
        environment=run.settings.environment,
        stages=run.settings.stages,
        publishes=run.settings.publishes,
        follows=follows,
        snapshots=snapshots,
        arriving=arriving,
        warehouse=_warehouse_use(run.settings),
    )
    if run.full_refresh or not plan.computed:
        return plan
    known = {f"dims.{n}": s.table for n, s in snapshots.items() if s.table is not None}
    keys = keys_of(state, known, coming)
    if not coming:
        state.keys = [(known, keys)]
    state.results = find_results(run, {n: keys[n] for n in plan.computed if n in keys})
    return plan.reusing({name: result.run_id for name, result in state.results.items()})


def _warehouse_use(settings: Settings) -> WarehouseUse | None:
    if not settings.load_warehouse:
        return None
    return "gold" if computed_there(settings) else "load"


@dataclass(frozen=True)
class Foreseen:
    """What `medallion plan` found: the plan, the base, and the checks that would stop the run."""

    plan: RunPlan
    base: Base
    problems: tuple[str, ...]


def foresee(state: RunState, source: str | None = None) -> Foreseen:
    """Plan a run without beginning it; `source` would be landed first.

    Raises what the run would raise: ConfigurationError, IngestError, ReleaseError.
    """
    arriving = _arriving(state, source) if source is not None else {}
    current = look_for_base(state)
    tables = [table.name for table in state.run.spec.tables]
    for table in tables:
        inspect(state, table)
    if not settle(state):
        state.forget("bronze")
        for table in tables:
            inspect(state, table)
    expected = {f"{table}.min_rows" for table in arriving}
    problems = tuple(
        f"{gate.layer}.{gate.table}: {gate.check}: {gate.message}"
        for gate in state.gates
        if gate.status == "fail" and f"{gate.table}.{gate.check}" not in expected
    )
    return Foreseen(make_plan(state, current.release, arriving), state.base, problems)


def _arriving(state: RunState, source: str) -> dict[str, int]:
    """Count the files at `source` that are not landed yet, by table."""
    run = state.run
    store, prefix = run.lake.bronze, run.lake.bronze_prefix(run.pipeline)
    counts: dict[str, int] = {}
    with source_on_disk(source, run.lake, run.settings.store_at) as path:
        found = check_sources(store, prefix, run.spec, find_sources(run.spec, path))
    for checked in found:
        table = checked.source.table
        batches = f"{prefix}{checked.source.bronze}/"
        if not store.exists(record_key(batches, checked.batch_id)):
            counts[table] = counts.get(table, 0) + 1
    return counts


def days_published(state: RunState, days: Sequence[date]) -> tuple[Current, dict[date, int]]:
    """Return the pointer, and {day: release} of the `days` that need not be run again.

    `state` is a run of the last day.
    """
    run = state.run
    seen = read_current(run.lake, run.pipeline)
    releases = list_releases(run.lake, run.pipeline)
    standing = standing_releases(releases)
    later = standing[-1].run_date if standing and standing[-1].run_date > days[-1] else None
    found = _days_published(state, days, releases, standing)
    if later is not None and len(found) < len(days):
        log.warning(f"readers see {later}, and get {days[-1]}: backfill up to {later} to avoid it")
    return seen, found


def _days_published(
    state: RunState, days: Sequence[date], releases: Sequence[Release], standing: Sequence[Release]
) -> dict[date, int]:
    run = state.run
    standing = [release for release in standing if release.run_date in days]
    if not standing:
        return {}
    inventory = {
        table.name: take_inventory(
            run.lake,
            run.spec,
            table,
            run.run_date,
            threads=run.settings.threads,
            known=frozenset(i for r in standing for i in r.bronze.get(table.name, ())),
            mirror=run.mirror,
        )
        for table in run.spec.tables
    }
    return published_days(
        days,
        releases,
        run.spec,
        inventory,
        prefix=run.lake.bronze_prefix(run.pipeline),
        spec_fingerprint=spec_fingerprint(run.spec),
        logic_fingerprint=logic_fingerprint(run.pipeline),
    )
