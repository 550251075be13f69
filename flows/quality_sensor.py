"""The flow that looks whether a pipeline is late, and tells Prefect so as an event.

Belongs here: composing the tasks, and the wall clock, which is read nowhere below. Does not belong
here: what counts as late (`tasks/freshness.py`), the events (`tasks/quality_events.py`), and what
reacts to them (`deployments/automations/`). Breached gates and anomalies are told by each run.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.utilities.annotations import quote

from blocks.lake import Lake
from tasks.audit import past_runs
from tasks.contracts.run_record import PastRun
from tasks.contracts.spec import Spec
from tasks.freshness import Freshness, judge_freshness, newest_batch
from tasks.pipeline_opening import open_pipeline
from tasks.quality_events import emit, freshness_events
from tasks.releases import read_current, read_release
from tasks.retrying import patient

log = logging.getLogger("medallion")


@dataclass(frozen=True)
class Question:
    """What is looked at, and when. It is handed over quoted: Prefect would walk through it."""

    lake: Lake
    spec: Spec
    now: datetime


@task(task_run_name="freshness of {pipeline}", cache_policy=NO_CACHE, persist_result=False)
def look(pipeline: str, question: Question) -> tuple[Freshness, PastRun | None]:
    """Compare the newest batch and the current release with what the specification asks for."""
    lake, spec = question.lake, question.spec
    current = read_current(lake, pipeline).release
    published_at = None if current is None else read_release(lake, pipeline).created_at
    found = judge_freshness(
        spec.freshness,
        landed_at=newest_batch(lake, spec),
        published_at=published_at,
        now=question.now,
    )
    return found, next(iter(past_runs(lake, pipeline, last=1)), None)


@flow(name="quality-sensor", flow_run_name="freshness of {pipeline}", persist_result=False)
def quality_sensor(
    pipeline: str, lake: str | None = None, environment: str | None = None
) -> Freshness:
    """Tell by the event `medallion.freshness.missed` when bronze or the release is too old.

    Args:
        pipeline: Name of the pipeline (`ecommerce`).
        lake: Root folder of the lake; the environment's by default.
        environment: Name of the environment; MEDALLION_ENV, else `local`.

    Raises:
        ConfigurationError: the call, specification or environment is wrong.
        ReleaseError: the current release cannot be read.
    """
    opened, now = open_pipeline(pipeline, environment, lake), datetime.now(UTC)
    question = Question(opened.lake, opened.spec, now)
    found: Freshness
    found, last_run = patient(look, opened.settings)(pipeline, quote(question))  # type: ignore[call-overload]
    for line in found.missed:
        log.warning(f"{pipeline}: stale: {line}")
    environment = opened.settings.environment
    emit(freshness_events(pipeline, environment, found, checked_at=now, last_run=last_run))
    return found
