"""The shipped automations in a real Prefect API: saved once, and doing what they are for."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import ANY
from uuid import UUID, uuid4

import pytest
from prefect import flow
from prefect.blocks.notifications import SlackWebhook
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import StateType
from prefect.events import emit_event
from prefect.events.worker import EventsWorker
from prefect.server.events.schemas.automations import EventTrigger
from prefect.server.events.schemas.events import ReceivedEvent
from prefect.settings import get_current_settings
from prefect.states import Crashed, Pending, Running
from typer.testing import CliRunner

from blocks.automations import AUTOMATIONS_FOLDER, apply_automations
from cli.app import app
from flows.quality_sensor import quality_sensor
from flows.rollback import rollback
from tasks.compiling import compile_artifact
from tasks.contracts.artifact import artifact_bytes
from tasks.contracts.errors import ConfigurationError
from tasks.quality_events import GATE_BREACHED, resource_prefix
from tests.unit.cli.published_lake import two_releases

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("prefect_api")]
TAG = {"prefect.resource.id": "prefect.tag.medallion", "prefect.resource.role": "tag"}


@flow
def any_flow() -> None:
    """Stands for a flow that a deployment runs."""


@pytest.fixture
def client(prefect_api: None) -> Iterator[SyncPrefectClient]:
    """The API, from which what a test saved is removed."""
    with get_client(sync_client=True) as opened:
        yield opened
        for automation in opened.read_automations():
            if automation.name.startswith("medallion"):
                opened.delete_automation(automation.id)
        for block in opened.read_block_documents(include_secrets=False):
            if block.block_type is not None and block.block_type.slug == "slack-webhook":
                opened.delete_block_document(block.id)
        for deployment in opened.read_deployments():
            if deployment.name == "a-deployment":
                opened.delete_deployment(deployment.id)


def deployed(client: SyncPrefectClient) -> UUID:
    return client.create_deployment(
        client.create_flow(any_flow), "a-deployment", concurrency_limit=1, tags=["medallion"]
    )


def received(client: SyncPrefectClient, resource: str) -> list[dict[str, Any]]:
    """The events of a resource, once there are any."""
    EventsWorker.drain_all(timeout=10)
    wanted = {"filter": {"resource": {"id": [resource]}}}
    deadline = time.monotonic() + 60
    while not (found := client._client.post("/events/filter", json=wanted).json()["events"]):
        assert time.monotonic() < deadline, f"no event of {resource} was received"
        time.sleep(0.2)
    return list(found)


def applied(environment: str, **options: object) -> dict[str, tuple[str, tuple[str, ...]]]:
    changes = apply_automations(environment, prefix=resource_prefix(environment), **options)
    return {change.name: (change.status, change.fields) for change in changes}


ZOMBIES = "medallion: runs without a heartbeat"


def test_automations_are_saved_where_they_differ(client: SyncPrefectClient, tmp_path: Path) -> None:
    assert applied("local", dry_run=True)[ZOMBIES][0] == "created"
    assert client.read_automations_by_name(ZOMBIES) == []
    assert {status for status, _ in applied("local").values()} == {"created"}
    assert {status for status, _ in applied("local").values()} == {"unchanged"}
    folder = shutil.copytree(AUTOMATIONS_FOLDER, tmp_path / "automations")
    file = folder / "zombie-runs.yml"
    file.write_text(file.read_text().replace("within: 600", "within: 300"))
    assert applied("local", folder=folder)[ZOMBIES] == ("changed", ("trigger",))
    (saved,) = client.read_automations_by_name(ZOMBIES)
    assert saved.trigger.within.total_seconds() == 300
    with pytest.raises(ConfigurationError, match="no block slack-webhook/medallion-dev; create"):
        applied("dev")


def test_the_command_tells_what_changes(
    client: SyncPrefectClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", str(get_current_settings().api.url))
    called = CliRunner().invoke(app, ["automations", "apply", "local", "--dry-run", "--json"])
    assert json.loads(called.stdout) == {
        "environment": "local",
        "dry_run": True,
        "automations": [{"automation": ZOMBIES, "status": "created", "fields": ANY}],
    }
    assert client.read_automations_by_name(ZOMBIES) == []
    called = CliRunner().invoke(app, ["automations", "apply", "dev"])
    assert isinstance(called.exception, ConfigurationError)
    # The image has no files of environments, only what was compiled of them.
    (tmp_path / "shop.yml").write_text("gates: strict\n")
    made = compile_artifact("retail", "shop", environments=tmp_path)
    (tmp_path / "retail.shop.json").write_bytes(artifact_bytes(made))
    monkeypatch.setenv("MEDALLION_ARTIFACT", str(tmp_path / "retail.shop.json"))
    called = CliRunner().invoke(app, ["automations", "apply", "shop", "--dry-run", "--json"])
    assert json.loads(called.stdout)["automations"][0]["automation"] == ZOMBIES
    called = CliRunner().invoke(app, ["automations", "apply", "local"])
    assert isinstance(called.exception, ConfigurationError)


def test_a_gate_that_stops_a_run_pauses_its_deployment_in_production(
    client: SyncPrefectClient,
) -> None:
    # Nobody listens there: a notification that fails keeps no other action from being taken.
    SlackWebhook(url="https://127.0.0.1:9/services/a/b/c").save("medallion-prod")
    assert "medallion prod: a gate stopped a run" in applied("prod")
    deployment = deployed(client)
    runs = {
        "prefect.resource.id": f"prefect.deployment.{deployment}",
        "prefect.resource.role": "deployment",
    }
    for status in ("warn", "fail"):
        labels = {"medallion.gate.status": status}
        resource = {"prefect.resource.id": "medallion-prod.ecommerce.silver.orders", **labels}
        assert client.read_deployment(deployment).paused is False
        emit_event(GATE_BREACHED, resource, related=[runs], payload={"pipeline": "ecommerce"})
    EventsWorker.drain_all(timeout=10)
    deadline = time.monotonic() + 60
    while not client.read_deployment(deployment).paused:
        assert time.monotonic() < deadline, "the deployment was not paused"
        time.sleep(0.2)


def test_a_run_that_is_taken_for_dead_frees_the_slot_of_its_deployment(
    client: SyncPrefectClient,
) -> None:
    applied("local")
    (saved,) = client.read_automations_by_name(ZOMBIES)
    (action,) = saved.actions
    assert (action.type, action.state) == ("change-flow-run-state", StateType.CRASHED)
    deployment = deployed(client)
    first, second = (client.create_flow_run_from_deployment(deployment).id for _ in range(2))
    for state in (Pending(), Running()):
        assert client.set_flow_run_state(first, state).status.value == "ACCEPT"
    waits = client.set_flow_run_state(second, Pending())
    assert waits.state is not None
    assert waits.state.name == "AwaitingConcurrencySlot"
    client.set_flow_run_state(first, Crashed(message=action.message))
    assert client.set_flow_run_state(second, Pending()).state.type is StateType.PENDING


def test_silence_after_a_heartbeat_is_what_tells_of_a_dead_worker(
    client: SyncPrefectClient,
) -> None:
    applied("local")
    (saved,) = client.read_automations_by_name(ZOMBIES)
    trigger = EventTrigger.model_validate(json.loads(saved.trigger.model_dump_json()))
    run = {"prefect.resource.id": f"prefect.flow-run.{uuid4()}"}

    def event(name: str, *related: dict[str, str]) -> ReceivedEvent:
        given = {"event": name, "resource": run, "related": related, "id": uuid4()}
        return ReceivedEvent.model_validate({"occurred": datetime.now(UTC), **given})

    heartbeat = event("prefect.flow-run.heartbeat", TAG)
    assert trigger.starts_after(heartbeat.event)
    assert trigger.covers(heartbeat)
    assert not trigger.covers(event("prefect.flow-run.heartbeat"))
    for ends in ("Completed", "Failed", "Crashed", "Cancelled", "AwaitingRetry", "Suspended"):
        assert trigger.expects(f"prefect.flow-run.{ends}")
    assert not trigger.expects("prefect.flow-run.Running")


def test_the_sensor_tells_of_a_pipeline_that_is_late(
    client: SyncPrefectClient, tmp_path: Path
) -> None:
    lake = two_releases(tmp_path / "lake")
    found = quality_sensor("ecommerce", lake=str(lake.control.url("")))
    assert len(found.missed) == 1
    assert "the current release came" in found.missed[0]
    event, *_ = received(client, "medallion.ecommerce.freshness")
    assert event["event"] == "medallion.freshness.missed"
    assert event["payload"]["missed"] == list(found.missed)
    assert event["payload"]["last_run_status"] == "published"
    assert {r["prefect.resource.role"] for r in event["related"]} >= {"flow-run", "flow"}
    rollback("ecommerce", 1, lake=str(lake.control.url("")))
    assert ("medallion.release.rolled-back", 1) in [
        (event["event"], event["payload"].get("repeats"))
        for event in received(client, "medallion.ecommerce.release")
    ]
