"""Which events a run, a check and a rollback give cause to tell, and what automations match."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from prefect.events.schemas.automations import EventTrigger
from prefect.events.schemas.events import Resource, ResourceSpecification

from blocks.automations import read_automations
from tasks import quality_events
from tasks.contracts.errors import ConfigurationError
from tasks.contracts.release import Release
from tasks.contracts.run_record import DayFigure, GateResult, RunRecord
from tasks.contracts.spec import FreshnessLimits
from tasks.freshness import judge_freshness
from tasks.quality_events import (
    QualityEvent,
    freshness_events,
    resource_prefix,
    rollback_event,
    run_events,
)

NOW = datetime(2024, 1, 15, 3, tzinfo=UTC)
SECRET = "s3://key:secret@bucket"


def gate(check: str, status: str) -> GateResult:
    return GateResult(
        layer="silver",
        table="orders",
        check=check,
        status=status,
        observed=0.5,
        threshold=0.05,
        message=f"see {SECRET}",
    )


def record(**changes: object) -> RunRecord:
    given = {
        "pipeline": "ecommerce",
        "run_id": "20240115T030000Z-aaaaaa",
        "run_date": date(2024, 1, 14),
        "environment": "prod",
        "gate_mode": "strict",
        "status": "published",
        "release": 4,
        "started_at": NOW,
        "seconds": 2.54,
    }
    return RunRecord.model_validate(given | changes)


def figure(day: int, anomaly: str) -> DayFigure:
    return DayFigure(
        dt=date(2024, 1, day), net_revenue=9.0, mean=3.0, low=1.0, high=5.0, anomaly=anomaly
    )


def names(found: list[QualityEvent]) -> list[str]:
    return [event.name for event in found]


def test_a_run_tells_of_its_breaches_and_of_its_release() -> None:
    gates = [gate("pk_uniqueness", "pass"), gate("quarantine_rate", "warn")]
    breach, published = run_events(record(gates=gates))
    assert (breach.name, breach.resource) == (
        "medallion.gate.breached",
        "medallion-prod.ecommerce.silver.orders",
    )
    assert breach.labels == {
        "medallion.pipeline": "ecommerce",
        "medallion.environment": "prod",
        "medallion.gate.check": "quarantine_rate",
        "medallion.gate.status": "warn",
    }
    assert (breach.payload["observed"], breach.payload["threshold"]) == (0.5, 0.05)
    assert published.name == "medallion.release.published"
    assert published.resource == "medallion-prod.ecommerce.release"
    assert (published.payload["release"], published.payload["run_date"]) == (4, "2024-01-14")


def test_a_run_that_failed_published_nothing_to_tell_of() -> None:
    failed = record(status="failed", release=None, error=SECRET, gates=[gate("schema", "fail")])
    assert names(run_events(failed)) == ["medallion.gate.breached"]
    assert names(run_events(record(status="unchanged"))) == []


@pytest.mark.parametrize(("anomaly", "told"), [("HIGH", True), ("LOW", True), ("NORMAL", False)])
def test_only_the_last_day_is_news(anomaly: str, told: bool) -> None:
    days = (figure(13, "LOW"), figure(14, anomaly))
    found = run_events(record(status="unchanged", revenue=days))
    assert names(found) == ["medallion.anomaly.detected"] * told
    for event in found:
        assert (event.payload["dt"], event.payload["value"]) == ("2024-01-14", 9.0)
        assert event.payload["anomaly"] == anomaly
    assert (
        run_events(record(status="unchanged", revenue=(figure(14, "INSUFFICIENT_HISTORY"),))) == []
    )


def late(hours: int) -> list[QualityEvent]:
    limits = FreshnessLimits(landed_hours=30, published_hours=30)
    landed = NOW - timedelta(hours=hours)
    found = judge_freshness(limits, landed_at=landed, published_at=NOW, now=NOW)
    return freshness_events("ecommerce", "local", found, checked_at=NOW, last_run=None)


def test_lateness_is_told_and_punctuality_is_not() -> None:
    assert late(30) == []
    (event,) = late(31)
    assert (event.name, event.resource) == (
        "medallion.freshness.missed",
        "medallion.ecommerce.freshness",
    )
    assert event.payload["landed_hours"] == 30
    assert "31 hours ago" in event.payload["missed"][0]


def rolled_back() -> QualityEvent:
    release = Release(
        pipeline="ecommerce",
        release=5,
        previous=4,
        run_id="r",
        run_date=date(2024, 1, 13),
        kind="rollback",
        repeats=3,
        created_at=NOW,
        spec_fingerprint="0",
        tables={},
    )
    return rollback_event(release, "dev")


def everything() -> list[QualityEvent]:
    gates = [gate("schema", "fail")]
    told = run_events(record(gates=gates, revenue=(figure(14, "HIGH"),), error=SECRET))
    return [*told, *late(40), rolled_back()]


def test_a_rollback_is_told() -> None:
    event = rolled_back()
    assert (event.name, event.resource) == (
        "medallion.release.rolled-back",
        "medallion-dev.ecommerce.release",
    )
    assert (event.payload["release"], event.payload["repeats"]) == (5, 3)


def test_no_event_carries_a_message_an_error_or_an_address() -> None:
    assert len(everything()) == 5
    for event in everything():
        text = json.dumps([event.payload, event.labels])  # the types of JSON
        assert SECRET not in text
        assert "://" not in text


def test_what_is_told_twice_keeps_its_id(monkeypatch: pytest.MonkeyPatch) -> None:
    import prefect.events

    ids: list[object] = []
    monkeypatch.setattr(prefect.events, "emit_event", lambda *_, id, **__: ids.append(id))
    quality_events.emit(everything())
    quality_events.emit(everything())
    assert ids[:5] == ids[5:]
    assert len(set(ids)) == 5


@pytest.mark.parametrize("environment", ["local", "dev", "prod"])
def test_each_automation_reacts_to_events_of_its_environment(environment: str) -> None:
    found = read_automations(environment, prefix=resource_prefix(environment))
    expected = {quality_events.GATE_BREACHED, quality_events.ANOMALY_DETECTED}
    expected.add(quality_events.FRESHNESS_MISSED)
    own = [d.content for d in found if "zombie" not in d.path.stem]
    assert len(found) == len(own) + 1
    told = {name for content in own for name in content["trigger"]["expect"]}
    assert told == (set() if environment == "local" else expected)
    for content in own:
        trigger = EventTrigger.model_validate(content["trigger"])
        match = ResourceSpecification.model_validate(trigger.match.model_dump())
        for other in ("local", "dev", "prod"):
            resource = {
                "prefect.resource.id": f"{resource_prefix(other)}.ecommerce.silver.orders",
                "medallion.gate.status": "fail",
            }
            assert match.matches(Resource.model_validate(resource)) is (other == environment)
        kinds = [action["type"] for action in content["actions"]]
        assert kinds[0] == "send-notification"
        pauses = environment == "prod" and trigger.expect == {quality_events.GATE_BREACHED}
        assert ("pause-deployment" in kinds) is pauses


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name: a\ntriger: {}\n", "no key 'triger'; did you mean 'trigger'"),
        ("- a\n", "is no automation"),
        ("name: ${nobody}\n", "only .* are replaced"),
        ("name: a\ntrigger: {password: hunter2}\n", "trigger.password is written out"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "a.yml").write_text(text)
    with pytest.raises(ConfigurationError, match=f"a.yml: .*{told}"):
        read_automations("local", prefix="medallion", folder=tmp_path)
