"""What a run or a check tells Prefect as events: breached gates, anomalies, lateness, releases.

Belongs here: pure functions from records to events, and handing these to Prefect. Does not belong
here: what reacts to them (`deployments/automations/`).

A payload holds names, days and figures only: messages, addresses and errors stay in the record.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from tasks.contracts.release import Release
from tasks.contracts.run_record import PastRun, RunRecord
from tasks.freshness import Freshness

GATE_BREACHED = "medallion.gate.breached"
ANOMALY_DETECTED = "medallion.anomaly.detected"
FRESHNESS_MISSED = "medallion.freshness.missed"
RELEASE_PUBLISHED = "medallion.release.published"
RELEASE_ROLLED_BACK = "medallion.release.rolled-back"
# A day without enough history is not judged.
ANOMALIES = ("HIGH", "LOW")


@dataclass(frozen=True)
class QualityEvent:
    """An event: what happened to which resource. `labels` are what automations can match."""

    name: str
    resource: str
    payload: dict[str, Any]
    labels: dict[str, str] = field(default_factory=dict)


def resource_prefix(environment: str) -> str:
    """Return what the resources of an environment begin with (`medallion`, `medallion-prod`)."""
    return "medallion" if environment == "local" else f"medallion-{environment}"


def run_events(record: RunRecord) -> list[QualityEvent]:
    """Return what a run that has ended gives cause to tell: breaches, an anomaly, its release."""
    about = {
        "pipeline": record.pipeline,
        "environment": record.environment,
        "run_id": record.run_id,
        "run_date": record.run_date.isoformat(),
    }
    place = f"{resource_prefix(record.environment)}.{record.pipeline}"
    labels = {"medallion.pipeline": record.pipeline, "medallion.environment": record.environment}
    events = []
    for gate in record.gates:
        if gate.status == "pass":
            continue
        told = gate.model_dump(mode="json", exclude={"message"})
        stops = {"medallion.gate.check": gate.check, "medallion.gate.status": gate.status}
        resource = f"{place}.{gate.layer}.{gate.table}"
        events.append(QualityEvent(GATE_BREACHED, resource, about | told, labels | stops))
    last = record.revenue[-1] if record.revenue else None
    if last is not None and last.anomaly in ANOMALIES:
        told = {"figure": record.revenue_title, **last.model_dump(mode="json")}
        told["value"] = told.pop("net_revenue")
        kind = {"medallion.anomaly": last.anomaly}
        events.append(
            QualityEvent(ANOMALY_DETECTED, f"{place}.daily-figure", about | told, labels | kind)
        )
    if record.release is not None and record.status != "unchanged":
        told = {"release": record.release, "seconds": round(record.seconds, 1)}
        events.append(QualityEvent(RELEASE_PUBLISHED, f"{place}.release", about | told, labels))
    return events


def freshness_events(
    pipeline: str,
    environment: str,
    found: Freshness,
    *,
    checked_at: datetime,
    last_run: PastRun | None,
) -> list[QualityEvent]:
    """Return what a check of freshness gives cause to tell: nothing, unless something is late."""
    if not found.missed:
        return []
    payload = {
        "pipeline": pipeline,
        "environment": environment,
        "checked_at": checked_at.isoformat(),
        "missed": list(found.missed),
        "landed_at": _moment(found.landed_at),
        "published_at": _moment(found.published_at),
        "landed_hours": found.limits.landed_hours,
        "published_hours": found.limits.published_hours,
        "last_run": None if last_run is None else last_run.run_id,
        "last_run_status": None if last_run is None else last_run.status,
    }
    labels = {"medallion.pipeline": pipeline, "medallion.environment": environment}
    resource = f"{resource_prefix(environment)}.{pipeline}.freshness"
    return [QualityEvent(FRESHNESS_MISSED, resource, payload, labels)]


def rollback_event(release: Release, environment: str) -> QualityEvent:
    """Return what publishing an older release again gives cause to tell."""
    payload = {
        "pipeline": release.pipeline,
        "environment": environment,
        "release": release.release,
        "repeats": release.repeats,
        "run_id": release.run_id,
        "run_date": release.run_date.isoformat(),
    }
    labels = {"medallion.pipeline": release.pipeline, "medallion.environment": environment}
    resource = f"{resource_prefix(environment)}.{release.pipeline}.release"
    return QualityEvent(RELEASE_ROLLED_BACK, resource, payload, labels)


def emit(events: Iterable[QualityEvent]) -> Sequence[str]:
    """Hand events to Prefect, and return their names; one that cannot be sent is only logged.

    Within a flow run they are related to it, its deployment and its tags. An event that is told
    twice keeps its id.
    """
    from prefect.events import emit_event  # noqa: PLC0415 - Prefect is slow to import

    names = []
    for event in events:
        emit_event(
            event.name,
            {
                "prefect.resource.id": event.resource,
                "prefect.resource.name": event.resource.partition(".")[2],
                **event.labels,
            },
            payload=event.payload,
            id=uuid5(
                NAMESPACE_URL, f"{event.name} {event.resource} {sorted(event.payload.items())}"
            ),
        )
        names.append(event.name)
    return names


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
