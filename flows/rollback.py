"""The flow that goes back to an older release, by publishing it again.

Belongs here: composing the task, and when it was asked for. Does not belong here: moving the
pointer (`tasks/releases.py`).
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run
from prefect.utilities.annotations import quote
from pydantic import Field

from blocks.flow_settings import flow_settings
from blocks.lake import Lake
from flows.sync import sync_warehouse
from tasks.assets import tell_of_release
from tasks.catalog_steps import follow_in_catalog
from tasks.contracts.errors import SpecError
from tasks.contracts.release import Release
from tasks.document_steps import write_documents
from tasks.quality_events import emit, rollback_event
from tasks.releases import roll_back
from tasks.retrying import patient
from tasks.run_names import run_name
from tasks.specs import known_pipeline, load_spec


@dataclass(frozen=True)
class Order:
    """Which release comes back, and when that was asked for. It is handed over quoted."""

    lake: Lake
    pipeline: str
    to: int
    asked_at: datetime


@task(task_run_name="publish release {to} again", cache_policy=NO_CACHE, persist_result=False)
def publish_again(to: int, order: Order) -> Release:  # noqa: ARG001 - it names the task run
    """Make the tables of an older release visible, as those of a new one."""
    return roll_back(order.lake, order.pipeline, to=order.to, created_at=order.asked_at)


@flow(
    name="rollback",
    flow_run_name=run_name("{pipeline} rollback to release {to}"),
    persist_result=False,
)
def rollback(
    pipeline: str,
    to: Annotated[int, Field(ge=1)],
    lake: str | None = None,
    environment: str | None = None,
) -> Release:
    """Publish an older release again, as a new one: history is never rewritten.

    Args:
        pipeline: Name of the pipeline (`ecommerce`).
        to: Number of the release to publish again.
        lake: Root folder of the lake; the environment's by default.
        environment: Name of the environment; MEDALLION_ENV, else `local`.

    Raises:
        ConfigurationError: the call or environment is wrong, or the release is the current one.
        ReleaseError: there is no such release, or files of it are gone.
        PublishConflictError: another run has published at this moment; nothing was changed.
        WarehouseError: the release is current, and the warehouse does not show it yet.
    """
    settings = flow_settings(environment, lake_root=lake)
    order = Order(settings.lake(), known_pipeline(pipeline), to, _asked_at())
    release: Release = patient(publish_again, settings)(to, quote(order))  # type: ignore[call-overload]
    emit([rollback_event(release, settings.environment)])
    with contextlib.suppress(SpecError):  # perhaps what the rollback is for
        spec = load_spec(pipeline)
        if spec.documents is not None:
            write_documents(pipeline, quote(order.lake), quote(settings))  # type: ignore[call-overload]
        tell_of_release(
            spec,
            settings.environment,
            release.shown,
            release=release.release,
            run_date=release.run_date.isoformat(),
            run_id=release.run_id,
            repeats=to,
        )
    if settings.catalog_of(order.lake) is not None:
        follow_in_catalog(pipeline, quote(order.lake), quote(settings))  # type: ignore[call-overload]
    if settings.load_warehouse:
        with contextlib.suppress(SpecError):
            sync_warehouse(pipeline, lake=lake, environment=environment)
    return release


def _asked_at() -> datetime:
    """When the run was to start: a retry goes on with the same rollback."""
    return datetime.fromtimestamp(flow_run.get_scheduled_start_time().timestamp(), UTC)
