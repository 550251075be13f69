"""The flow that clears a lake up: releases past their time, and what crashed runs have left.

Belongs here: composing the tasks, and the wall clock, which is read nowhere below. Does not belong
here: what may go, and why (`tasks/retention.py`).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.utilities.annotations import quote

from blocks.flow_settings import flow_settings
from blocks.lake import Lake
from blocks.settings import Settings
from tasks.contracts.spec import Spec
from tasks.holdings import Sweep
from tasks.iceberg_expiry import expire
from tasks.maintenance import clear_up, look
from tasks.retrying import patient
from tasks.run_names import run_name
from tasks.specs import known_pipelines, load_spec

GRACE_HOURS = 24.0


@dataclass(frozen=True)
class Order:
    """What is cleared up, and by when. It is handed over quoted: Prefect would walk through it."""

    lake: Lake
    spec: Spec
    now: datetime
    grace: timedelta
    settings: Settings


@task(task_run_name="look at {pipeline}", cache_policy=NO_CACHE, persist_result=False)
def look_at(pipeline: str, order: Order) -> Sweep:  # noqa: ARG001 - it names the task run
    """List what would go of one pipeline."""
    return look(order.lake, order.spec, now=order.now, grace=order.grace)


@task(task_run_name="clear up {pipeline}", cache_policy=NO_CACHE, persist_result=False)
def clear(pipeline: str, order: Order) -> Sweep:
    """Delete what may go of one pipeline, and list it.

    The Iceberg catalog forgets what is not retained before any file goes; raises CatalogError.
    """
    lake, settings = order.lake, order.settings

    def forget(retained: Collection[int]) -> None:
        expire(lake, settings, pipeline, retained, edge=order.now - order.grace)

    shown = settings.catalog_of(lake) is not None
    return clear_up(
        lake, order.spec, now=order.now, grace=order.grace, forget=forget if shown else None
    )


@flow(name="maintain", flow_run_name=run_name("{pipeline} maintenance"), persist_result=False)
def maintain(
    pipeline: str | None = None,
    grace_hours: float = GRACE_HOURS,
    dry_run: bool = False,
    lake: str | None = None,
    environment: str | None = None,
) -> dict[str, Sweep]:
    """Delete releases past their retention, and files that no release and no run can need.

    Args:
        pipeline: Name of a pipeline (`ecommerce`); all of them by default.
        grace_hours: What changed within so many hours stays; longer than any run takes.
        dry_run: Only list what would go.
        lake: Root folder of the lake; the environment's by default.
        environment: Name of the environment; MEDALLION_ENV, else `local`.

    Raises:
        ConfigurationError: the call, specification or environment is wrong; nothing was deleted.
        ReleaseError: a release cannot be read, so that nobody knows what it needs.
    """
    settings = flow_settings(environment, lake_root=lake)
    names = [pipeline] if pipeline is not None else known_pipelines()
    specs = {name: load_spec(name) for name in names}
    opened, now = settings.lake(), datetime.now(UTC)
    grace = timedelta(hours=grace_hours)
    act = patient(look_at if dry_run else clear, settings)
    return {
        name: act(name, quote(Order(opened, spec, now, grace, settings)))  # type: ignore[call-overload]
        for name, spec in specs.items()
    }
