"""The steps of loading the warehouse as Prefect tasks.

Belongs here: thin wrappers named after the table that they work on, and opening what they work on.
Does not belong here: logic, or the order of the steps (`flows/sync.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE
from pydantic import SecretStr

from blocks.lake import Lake
from blocks.settings import Settings
from blocks.warehouses.opening import open_warehouse
from tasks.contracts.spec import Spec
from tasks.dbt_runs import DbtEngine
from tasks.mirror import Mirror
from tasks.warehouse_gold import build_gold, reconciled_tables
from tasks.warehouse_load import WarehouseLoad, begin_load, end_load, load_table


def open_load(
    settings: Settings,
    lake: Lake,
    mirror: Mirror,
    spec: Spec,
    *,
    run_id: str,
    work: Path,
    mask_key: SecretStr | None = None,
) -> WarehouseLoad:
    """Open the environment's warehouse for a load of the current release of a pipeline.

    `mask_key` is the key of masked columns, of a pipeline that has some.

    Raises WarehouseError where it does not open, and ConfigurationError for its credentials.
    """
    assert settings.warehouse is not None, "checked with the settings"
    return WarehouseLoad(
        open_warehouse(settings.warehouse, spec.pipeline),
        lake,
        mirror,
        spec,
        run_id=run_id,
        work=work,
        reconciled=reconciled_tables(spec),
        mask_key=mask_key,
    )


@task(task_run_name="warehouse plan", cache_policy=NO_CACHE, persist_result=False)
def plan_warehouse(load: WarehouseLoad) -> bool:
    """Find out what the warehouse lacks; False if that is nothing."""
    return begin_load(load)


@task(task_run_name="warehouse {name}", cache_policy=NO_CACHE, persist_result=False)
def load_warehouse_table(load: WarehouseLoad, name: str) -> None:
    """Replace the partitions of one table that are not those of the release."""
    load_table(load, name)


@task(task_run_name="warehouse release", cache_policy=NO_CACHE, persist_result=False)
def record_warehouse(load: WarehouseLoad) -> None:
    """Record the release that the warehouse shows now."""
    end_load(load)


@task(task_run_name="warehouse gold", cache_policy=NO_CACHE, persist_result=False)
def build_warehouse_gold(
    load: WarehouseLoad, engine: DbtEngine, progress: Callable[[str], None] | None = None
) -> None:
    """Let dbt build and test gold in the warehouse, then show it."""
    build_gold(load, engine, progress)
