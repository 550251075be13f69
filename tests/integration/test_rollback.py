"""Rolling back on the command line runs the flow that the deployments run."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterName
from prefect.settings import PREFECT_API_URL
from typer.testing import CliRunner

from blocks.lake import Lake, local_lake
from blocks.settings import load_settings
from cli.app import app
from tasks.iceberg_sync import shown_release
from tasks.releases import list_releases, publish, read_current, read_release

pytestmark = pytest.mark.slow


@pytest.fixture
def lake(own_lake: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """Two releases; the second one lacks a table."""
    monkeypatch.setenv("PREFECT_API_URL", str(PREFECT_API_URL.value()))
    monkeypatch.setenv("MEDALLION_SYNC_CATALOG", "true")
    lake = local_lake(own_lake)
    first = read_release(lake, "ecommerce")
    rest = {n: t for n, t in first.tables.items() if n != "gold.fct_daily_dashboard"}
    changed = {"release": 2, "previous": 1, "run_id": "later", "tables": rest}
    second = first.model_copy(update={**changed, "created_at": datetime(2024, 1, 15, tzinfo=UTC)})
    publish(lake, second, read_current(lake, "ecommerce"))
    return lake


def test_an_older_release_is_published_again_as_a_new_one(lake: Lake) -> None:
    arguments = ["rollback", "ecommerce", "--to", "1", "--lake", str(lake.control.url(""))]
    done = CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False)
    document = json.loads(done.stdout)
    assert (document["pipeline"], document["release"], document["repeats"]) == ("ecommerce", 3, 1)
    first, second, third = list_releases(lake, "ecommerce")
    assert (third.kind, third.repeats, third.previous) == ("rollback", 1, 2)
    assert third.tables == first.tables != second.tables
    with get_client(sync_client=True) as client:
        named = FlowRunFilterName(any_=["ecommerce rollback to release 1"])
        runs = client.read_flow_runs(flow_run_filter=FlowRunFilter(name=named))
    (run,) = [run for run in runs if run.parameters["lake"] == lake.control.url("")]
    assert run.state_name == "Completed"

    settings = load_settings(lake_root=lake.control.url(""))
    assert shown_release(lake, settings, "ecommerce") == 3

    forward = CliRunner().invoke(app, [*arguments[:3], "2", *arguments[4:]], catch_exceptions=False)
    assert "release 4 is current and repeats release 2" in forward.stdout
    synced = CliRunner().invoke(
        app, ["sync", *arguments[1:2], *arguments[4:], "--json"], catch_exceptions=False
    )
    shown = json.loads(synced.stdout)["catalog"]
    assert (shown["release"], shown["changed"], shown["left_out"]) == (4, 0, {})
