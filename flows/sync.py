"""Bringing the warehouse to the release that the pointer names, after a run or by itself.

Belongs here: the order of a load's steps. Does not belong here: what they do (`tasks/`).
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.utilities.annotations import quote

from blocks.masking import mask_key
from blocks.settings import Settings
from tasks.contracts.errors import ConfigurationError
from tasks.dbt_runs import DbtEngine
from tasks.document_steps import write_documents_of_warehouse
from tasks.masking import needs_key
from tasks.mirror import passing_mirror
from tasks.pipeline_opening import open_pipeline
from tasks.retrying import patient
from tasks.run_names import run_name
from tasks.warehouse_gold import check_warehouse
from tasks.warehouse_load import WarehouseLoad, WarehouseSummary
from tasks.warehouse_steps import (
    build_warehouse_gold,
    load_warehouse_table,
    open_load,
    plan_warehouse,
    record_warehouse,
)


@flow(
    name="sync-warehouse",
    flow_run_name=run_name("{pipeline} warehouse"),
    task_runner=ThreadPoolTaskRunner(max_workers=4),  # type: ignore[arg-type]
    persist_result=False,
)
def sync_warehouse(
    pipeline: str, lake: str | None = None, environment: str | None = None
) -> WarehouseSummary:
    """Load what the warehouse lacks of the current release; nothing, if it shows it already.

    Args:
        pipeline: Name of the pipeline (`ecommerce`).
        lake: Root folder of the lake; the environment's by default.
        environment: Name of the environment; MEDALLION_ENV, else `local`.

    Raises:
        ConfigurationError: the call or the environment is wrong, or it loads no warehouse.
        ReleaseError: nothing is published.
        WarehouseError: the warehouse refused or lost something; call again.
    """
    opened = open_pipeline(pipeline, environment, lake)
    spec, settings, places = opened.spec, opened.settings, opened.lake
    if not settings.load_warehouse:
        raise ConfigurationError(
            f"environment '{settings.environment}' loads no warehouse (load_warehouse)"
        )
    check_warehouse(settings)
    run_id = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    work = places.own_scratch() / "warehouse" / run_id
    key = mask_key(settings).key if needs_key(spec) else None
    engine = DbtEngine(places.dbt_cache, work, settings.threads, settings.memory_limit)
    with passing_mirror(places) as mirror:
        load = open_load(settings, places, mirror, spec, run_id=run_id, work=work, mask_key=key)
        try:
            load_release(load, settings, engine)
        finally:
            load.close()
    return load.summary


def load_release(load: WarehouseLoad, settings: Settings, engine: DbtEngine) -> None:
    """Load until the warehouse shows the current release, then build gold of it where due."""
    begin, end = patient(plan_warehouse, settings), patient(record_warehouse, settings)
    fill = patient(load_warehouse_table, settings)
    while begin(load):
        futures = [fill.submit(load, name, return_state=False) for name in load.tables]
        for future in futures:
            future.wait()
        for future in futures:
            future.result()
        end(load)
    if load.builds_gold:
        patient(build_warehouse_gold, settings)(load, engine)
    if load.has_gold and load.spec.documents is not None:
        write_documents_of_warehouse(load, quote(settings))  # type: ignore[call-overload]
