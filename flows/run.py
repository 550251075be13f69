"""The main flow: a whole run of a pipeline, from bronze to one published release.

Belongs here: the order of the stages, and what happens when one fails. Does not belong here: what
a stage computes (`tasks/`).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from prefect import flow
from prefect.futures import PrefectFuture
from prefect.runtime import flow_run
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.utilities.annotations import quote

from flows.dimensions import refresh_dimensions
from flows.ingest import ingest
from flows.sync import load_release
from tasks.assets import tell_of_release
from tasks.catalog_steps import load_catalog_client, show_in_catalog
from tasks.contracts.release import PublishedTable
from tasks.contracts.run_record import GateMode, RunRecord
from tasks.dbt_runs import warm_up
from tasks.document_steps import write_documents
from tasks.prefect_settings import changed_settings
from tasks.releases import Current, read_current
from tasks.retrying import patient
from tasks.run_artifacts import Progress, show_in_prefect
from tasks.run_names import run_name
from tasks.run_opening import close_run, open_run, part_of
from tasks.run_planning import cause_of
from tasks.run_state import RunState
from tasks.run_steps import (
    build_gold_models,
    confirm_base,
    enrich,
    find_base,
    inspect_bronze,
    judge_reconciliations,
    plan,
    publish_release,
    register_fact,
    report,
)
from tasks.silver_steps import build_silver_models, register_silver
from tasks.warehouse_steps import open_load

# A flow's end waits for its heartbeat, up to a second; the run's own speaks for its subflows.
NO_HEARTBEAT = {"flows": {"heartbeat_frequency": None}}


class RunOutcome:
    """What a run that did not fail returns to its caller in the same process.

    A plain object on purpose: Prefect looks for futures in all that dataclasses and models hold.
    """

    def __init__(self, record: RunRecord, tables: dict[str, PublishedTable], report: str) -> None:
        self.record, self.tables, self.report = record, tables, report


class RunFailedError(Exception):
    """A run failed after it began; carries what it recorded, and its cause."""

    def __init__(self, record: RunRecord, report: str) -> None:
        super().__init__(record.error)
        self.record = record
        self.report = report


@flow(
    name="run-pipeline",
    flow_run_name=run_name("{pipeline} {run_date}"),
    task_runner=ThreadPoolTaskRunner(max_workers=4),  # type: ignore[arg-type]
    persist_result=False,
)
def run_pipeline(
    pipeline: str,
    run_date: date | None = None,
    source: str | None = None,
    gates: GateMode | None = None,
    full_refresh: bool = False,
    bronze: str | None = None,
    lake: str | None = None,
    environment: str | None = None,
    memory_limit: str | None = None,
) -> RunOutcome:
    """Run a pipeline for one day and publish all of its tables at once.

    The environment may have it compute the first stages only, or publish nothing.

    Args:
        pipeline: Name of the pipeline (`ecommerce`).
        run_date: The day to run for, inclusive; by default that on which the run is to start (UTC).
        source: A file or folder to land in bronze first, or the URL of one in a bucket.
        gates: `warn` or `strict`; the environment's by default.
        full_refresh: Compute everything, whatever the release before holds.
        bronze: Folder or bucket URL of bronze that another team wrote, read in place.
        lake: Root folder of the lake; the environment's by default.
        environment: Name of the environment; MEDALLION_ENV, else `local`.
        memory_limit: Memory that DuckDB may use before it spills (`2GB`); the environment's by
            default.

    Raises:
        ConfigurationError: the call, specification or environment is wrong; nothing was begun.
        RunFailedError: a stage failed; nothing was published.
    """
    state = open_run(
        pipeline,
        now=datetime.now(UTC),
        token=secrets.token_hex(3),
        run_date=run_date,
        due=_asked_at().date(),
        lake=lake,
        bronze=bronze,
        gates=gates,
        environment=environment,
        full_refresh=full_refresh,
        memory_limit=memory_limit,
    )
    warm_up(state.run.engine.cache, state.run.spec)
    try:
        if source is not None:
            with state.stage("ingest"), changed_settings(NO_HEARTBEAT):
                ingest(
                    pipeline,
                    source,
                    landed_on=state.run.run_date,
                    lake=lake,
                    environment=environment,
                )
        release = _run(state)
    except Exception as raised:
        error = cause_of(state, raised)
        record, path = report(state, state.published, str(error) or type(error).__name__)
        show_in_prefect(record, path)
        raise RunFailedError(record, path) from error
    finally:
        close_run(state)
    record, path = report(state, release, None)
    show_in_prefect(record, path)
    return RunOutcome(record, state.tables, path)


def _asked_at() -> datetime:
    """When the run was to start: one that is tried again after midnight is of the same day."""
    return datetime.fromtimestamp(flow_run.get_scheduled_start_time().timestamp(), UTC)


def _run(state: RunState) -> int | None:
    """Find out what there is to do, then go through the stages of that plan and no others."""
    run = state.run
    seen = find_base(state)
    tables = [table.name for table in run.spec.tables]
    with state.stage("bronze"):
        inspect = patient(inspect_bronze, run.settings)
        _all([inspect.submit(state, table) for table in tables])
        if not confirm_base(state):
            state.forget("bronze")
            _all([inspect.submit(state, table) for table in tables])
        state.pass_gate("bronze")
        plan(state, seen)
    assert state.plan is not None
    if run.settings.catalog_of(run.lake) is not None:
        load_catalog_client()  # while dbt plans its build on one core
    stages = [planned for planned in state.plan.stages if planned.stage != "bronze"]
    progress = None
    if state.turns is None:  # a backfill tells of its days
        name = f"{run.pipeline} {run.run_date}"
        progress = Progress(run.pipeline, name, 1 + len(stages), "stage")
        progress.step("bronze")
    release = None
    for planned in stages:
        with state.turn(planned.stage), state.stage(planned.stage):
            if planned.stage == "publish":
                release = _publish(state, seen)
            else:
                _STEPS[planned.stage](state)
        if progress is not None:
            progress.step(planned.stage)
    return release


def _publish(state: RunState, seen: Current) -> int | None:
    """Publish on what the run has seen; a day of a backfill on what the day before it left."""
    run = state.run
    found = seen if state.turns is None else state.turns.seen
    release = state.published = publish_release(state, found, _asked_at())
    if release is None:
        return None
    if state.turns is not None:
        state.turns.seen = read_current(run.lake, run.pipeline)
    tell_of_release(
        run.spec,
        run.settings.environment,
        state.tables,
        release=release,
        run_date=run.run_date.isoformat(),
        run_id=run.run_id,
    )
    if run.settings.catalog_of(run.lake) is not None:
        show_in_catalog(state)
    if run.spec.documents is not None:
        write_documents(run.pipeline, quote(run.lake), quote(run.settings))  # type: ignore[call-overload]
    return release


def _refresh_dimensions(state: RunState) -> None:
    run = state.run
    with part_of(state), changed_settings(NO_HEARTBEAT):
        refresh_dimensions(run.pipeline, run_date=run.run_date)


def _build_silver(state: RunState) -> None:
    """Build the tables that the dimensions have not needed yet."""
    tables = [table.name for table in state.run.spec.tables]
    _all([register_silver.submit(state, table) for table in state.builds])
    rest = [table for table in tables if table not in state.builds]
    build_silver_models(state, rest, [])
    _all([register_silver.submit(state, table) for table in rest])
    state.pass_gate("silver")


def _enrich(state: RunState) -> None:
    """Compute each enriched table as soon as those that it reads are there."""
    compute = patient(enrich, state.run.settings)
    futures: dict[str, PrefectFuture[None]] = {}
    for transform in state.run.spec.transforms:
        reads = [*transform.inputs.values(), transform.checks.rows_equal]
        needed = [futures[name] for name in reads if name in futures]
        futures[f"enriched.{transform.name}"] = compute.submit(
            state, transform.name, wait_for=needed, return_state=False
        )
    _all(list(futures.values()))
    state.pass_gate("enriched")


def _build_gold(state: RunState) -> None:
    made = build_gold_models(state)
    known: Any = quote(made)  # Prefect would look for futures in all that dbt has told
    _all([register_fact.submit(state, fact.name, known) for fact in state.run.spec.gold])
    judge_reconciliations(state, known)
    state.pass_gate("gold")


def _load_warehouse(state: RunState) -> None:
    """Load what was published; what fails here is loaded by the next run, or by `sync`."""
    run = state.run
    load = open_load(
        run.settings,
        run.lake,
        run.mirror,
        run.spec,
        run_id=run.run_id,
        work=run.work_folder / "warehouse",
        mask_key=run.mask_key,
    )
    try:
        load_release(load, run.settings, run.engine)
    finally:
        load.close()
        state.records.update(load.records)
        state.judge(load.gates)


_STEPS: dict[str, Callable[[RunState], None]] = {
    "dimensions": _refresh_dimensions,
    "silver": _build_silver,
    "enriched": _enrich,
    "gold": _build_gold,
    "warehouse": _load_warehouse,
}


def _all(futures: list[PrefectFuture[None]]) -> None:
    """Wait for all, then raise the first failure: the others have been recorded by then."""
    for future in futures:
        future.wait()
    for future in futures:
        future.result()
