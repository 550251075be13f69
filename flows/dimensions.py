"""The flow that refreshes the dimension snapshots of a pipeline.

Belongs here: the order of its steps. It runs alone, on its own schedule, or as a subflow of the
main run.
"""

from __future__ import annotations

import secrets
from datetime import UTC, date, datetime

from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner

from tasks.contracts.errors import GateError
from tasks.contracts.run_record import GateMode
from tasks.dbt_runs import warm_up
from tasks.dimensions import latest_snapshot, plan_snapshot, read_pointer, snapshot_inputs
from tasks.run_names import run_name
from tasks.run_opening import close_run, open_run, run_around
from tasks.run_state import RunState
from tasks.run_steps import inspect_bronze
from tasks.silver import with_parents
from tasks.silver_steps import (
    build_silver_models,
    judge_snapshot,
    show_snapshots,
    use_snapshot,
)


@flow(
    name="refresh-dimensions",
    flow_run_name=run_name("{pipeline} dimensions {run_date}"),
    task_runner=ThreadPoolTaskRunner(max_workers=4),  # type: ignore[arg-type]
    persist_result=False,
)
def refresh_dimensions(
    pipeline: str,
    run_date: date | None = None,
    lake: str | None = None,
    bronze: str | None = None,
    gates: GateMode | None = None,
    environment: str | None = None,
) -> dict[str, date]:
    """Take a new snapshot of each dimension that is due, and return the day of each current one.

    Args:
        pipeline: Name of the pipeline (`ecommerce`).
        run_date: The day as of which the snapshot is taken; today (UTC) by default.
        lake: Root folder of the lake; the environment's by default.
        bronze: Folder or bucket URL of bronze that another team wrote, read in place.
        gates: `warn` or `strict`; the environment's by default.
        environment: Name of the environment; MEDALLION_ENV, else `local`.
    """
    state = run_around()
    if state is not None:
        return _refresh(state)
    state = open_run(
        pipeline,
        now=datetime.now(UTC),
        token=secrets.token_hex(3),
        run_date=run_date,
        lake=lake,
        bronze=bronze,
        gates=gates,
        environment=environment,
    )
    warm_up(state.run.engine.cache, state.run.spec)
    try:
        return _refresh(state)
    finally:
        close_run(state)


def _refresh(state: RunState) -> dict[str, date]:
    run = state.run
    dimensions = run.spec.dimensions
    needed = with_parents(run.spec, (d.table for d in dimensions))
    found = [inspect_bronze.submit(state, t) for t in needed if t not in state.inventory]
    for future in found:
        future.result()
    state.pass_gate("bronze")

    pointer = read_pointer(run.lake, run.pipeline)
    inputs = {
        d.name: snapshot_inputs(run.spec, d, state.inventory, run.run_date, run.masked_by)
        for d in dimensions
    }
    due = []
    days: dict[str, date] = {}
    for dimension in dimensions:
        name = dimension.name
        latest = latest_snapshot(run.lake, run.pipeline, name, run.run_date)
        if latest is not None:
            days[name] = latest.snapshot_dt
        planned = plan_snapshot(dimension, latest, run.run_date, inputs[name])
        state.tell(f"dims.{name}: {planned.reason}")
        if planned.due:
            due.append(dimension)
    if due:
        tables = with_parents(run.spec, (d.table for d in due))
        build_silver_models(state, tables, [d.name for d in due])
        passed = [d.name for d in due if judge_snapshot(state, d.name, inputs[d.name])]
        days |= dict.fromkeys(passed, run.run_date)
    state.pass_gate("dims")
    for dimension in dimensions:
        if dimension.name not in days:
            raise GateError(
                f"dims.{dimension.name}: the new snapshot failed its gate, "
                "and there is no earlier one"
            )
    show_snapshots(state, pointer, days)
    for future in [use_snapshot.submit(state, d.name, days[d.name]) for d in dimensions]:
        future.result()
    return {d.name: days[d.name] for d in dimensions}
