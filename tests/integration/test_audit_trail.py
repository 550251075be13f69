"""What a run leaves behind about itself: audit rows, history, reports, and what Prefect shows."""

import json
import shutil
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

import duckdb
import polars as pl
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterName,
)
from prefect.client.schemas.objects import FlowRun, TaskRun
from prefect.client.schemas.sorting import FlowRunSort
from prefect.events import ReceivedEvent
from prefect.events.filters import EventFilter, EventNameFilter, EventRelatedFilter
from prefect.events.worker import EventsWorker

from blocks.lake import local_lake
from tasks.audit import AUDIT_SCHEMA, audit_rows
from tasks.contracts.errors import CorrectionError
from tasks.correction_landing import Rejected, replay
from tasks.landing_rows import EngineLimits
from tasks.quality_events import GATE_BREACHED, RELEASE_PUBLISHED
from tasks.quarantine_export import exported_rows, exported_table
from tasks.release_views import release_views
from tasks.releases import read_release
from tasks.specs import load_spec
from tests.integration.published import release_document

pytestmark = pytest.mark.slow

DAY = date(2024, 1, 6)


@pytest.fixture(scope="module")
def lake(small_lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shutil.copytree(small_lake, tmp_path_factory.mktemp("audit") / "lake")


@pytest.fixture(scope="module")
def outcome(run_flow: Callable, lake: Path, small_bronze: Path) -> object:
    """The second run of the lake."""
    return run_flow(lake, DAY, bronze=small_bronze)


@pytest.fixture(scope="module")
def flow_run(outcome: object) -> FlowRun:
    """The flow run of `outcome`, as the API knows it."""
    with get_client(sync_client=True) as client:
        found = client.read_flow_runs(
            flow_run_filter=FlowRunFilter(name=FlowRunFilterName(any_=[f"ecommerce {DAY}"])),
            sort=FlowRunSort.START_TIME_DESC,
            limit=1,
        )
    return found[0]


def test_each_run_leaves_one_parquet_record_with_a_row_a_table(lake: Path, outcome: object) -> None:
    record = outcome.record
    rows = pl.read_parquet(lake / "ecommerce" / "_audit" / f"{record.run_id}.parquet")
    assert dict(rows.schema) == AUDIT_SCHEMA
    assert rows.equals(audit_rows(record))
    published = release_document(lake)["tables"]
    assert sorted(rows["table"]) == sorted(n for n in published if not n.endswith("_quarantine"))
    for row in rows.iter_rows(named=True):
        table = published[row["table"]]
        assert row["rows_out"] == table["rows"]
        assert row["files"] == len(table["files"])
        assert row["bytes"] == table["bytes"]
        assert (row["run_id"], row["run_date"], row["release"]) == (record.run_id, DAY, 2)
        assert (row["pipeline"], row["status"]) == ("ecommerce", "published")
        assert row["inputs"]
        if row["layer"] == "silver":
            quarantine = published[f"{row['table']}_quarantine"]["rows"]
            assert row["quarantined"] == quarantine
            assert row["rows_in"] == row["rows_out"] + quarantine + row["superseded"]
            assert "quarantine_rate" in {gate["check"] for gate in row["gates"]}


def test_the_records_of_all_runs_are_queried_together(lake: Path, outcome: object) -> None:
    files = str(lake / "ecommerce" / "_audit" / "*.parquet")
    trend = duckdb.sql(
        f"""select release, sum(rows_in), sum(rows_out), sum(quarantined)
            from read_parquet('{files}') where layer = 'silver' group by all order by release"""
    ).fetchall()
    assert [row[0] for row in trend] == [1, 2]
    assert trend[0][1:] == trend[1][1:]
    breaches = duckdb.sql(
        f"""select "table", gate.check, gate.observed
            from (select "table", run_id, unnest(gates) gate from read_parquet('{files}'))
            where gate.status = 'warn' and run_id = '{outcome.record.run_id}'"""
    ).fetchall()
    warned = {(g.table, g.check) for g in outcome.record.gates if g.status == "warn"}
    assert {(table.partition(".")[2], check) for table, check, _ in breaches} == warned


def test_the_record_holds_the_runs_before_it(outcome: object) -> None:
    (past,) = outcome.record.history
    assert (past.status, past.run_date) == ("published", DAY)
    assert past.run_id < outcome.record.run_id
    silver = [t for t in outcome.record.tables if t.layer == "silver"]
    assert past.bronze_rows == sum(t.rows_in for t in silver)
    assert past.silver_rows == sum(t.rows_out for t in silver)
    assert past.quarantined_rows == sum(t.quarantined for t in silver)


def test_each_run_leaves_its_reports(lake: Path, outcome: object) -> None:
    folder = lake / "ecommerce" / "reports" / outcome.record.run_id
    names = {path.name for path in folder.iterdir()}
    layers = ("BRONZE", "DIMS", "SILVER", "ENRICHED", "GOLD")
    assert names == {"report.html", *(f"{layer}_QUALITY.md" for layer in layers)}
    assert outcome.report == str(folder / "report.html")
    assert outcome.record.run_id in (folder / "report.html").read_text()


def test_prefect_shows_summary_gates_and_tables_of_the_run(
    outcome: object, flow_run: FlowRun
) -> None:
    with get_client(sync_client=True) as client:
        found = client.read_artifacts(
            artifact_filter=ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[flow_run.id]))
        )
    artifacts = {artifact.key: artifact for artifact in found}
    names = ("run", "report", "gates", "tables", "lineage", "progress")
    assert set(artifacts) == {f"ecommerce-{name}" for name in names}
    assert all(artifact.description for artifact in found)
    assert Path(outcome.report).as_uri() in artifacts["ecommerce-report"].data
    assert "bronze.orders" in artifacts["ecommerce-lineage"].data
    progress = artifacts["ecommerce-progress"]
    assert progress.data == 100
    assert progress.description == f"ecommerce {DAY}: 6 of 6 stages done (publish)"
    assert outcome.record.run_id in artifacts["ecommerce-run"].data
    assert outcome.report in artifacts["ecommerce-run"].data
    assert all(gate.check in artifacts["ecommerce-gates"].data for gate in outcome.record.gates)
    assert "gold.fct_daily_dashboard" in str(artifacts["ecommerce-tables"].data)


def test_each_published_table_is_an_asset_with_its_lineage_and_figures(
    lake: Path, outcome: object, flow_run: FlowRun
) -> None:
    told = events_of(flow_run.id, "prefect.asset.materialization.succeeded")
    published = release_document(lake)["tables"]
    assert set(told) == {f"medallion://ecommerce/{n.replace('.', '/')}" for n in published}
    for name, table in published.items():
        event = told[f"medallion://ecommerce/{name.replace('.', '/')}"]
        for figure in ("rows", "bytes"):
            assert event.payload[figure] == table[figure]
        assert (event.payload["release"], event.payload["run_date"]) == (2, str(DAY))
    # What a run records and what its assets tell are the same lineage.
    for record in outcome.record.tables:
        event = told[f"medallion://ecommerce/{record.table.replace('.', '/')}"]
        upstream = {r.id for r in event.related if r.role == "asset"}
        wanted = {f"medallion://ecommerce/{n.replace('.', '/')}" for n in record.inputs}
        assert upstream == wanted, record.table
    assert events_of(flow_run.id, "prefect.asset.materialization.failed") == {}


def test_what_somebody_may_react_to_is_told_as_events(outcome: object, flow_run: FlowRun) -> None:
    told = events_of(flow_run.id, RELEASE_PUBLISHED)
    assert told["medallion.ecommerce.release"].payload["release"] == outcome.record.release
    breaches = {
        f"medallion.ecommerce.{g.layer}.{g.table}" for g in outcome.record.gates if g.message
    }
    assert breaches
    assert set(events_of(flow_run.id, GATE_BREACHED)) == breaches


def test_bronze_of_another_team_is_theirs_to_correct(lake: Path, tmp_path: Path) -> None:
    opened, edited = local_lake(lake), tmp_path / "orders.json"
    spec, release = load_spec("ecommerce"), read_release(opened, "ecommerce")
    names = ("silver.orders", "silver.orders_quarantine")
    export = exported_table(spec, release, *names)
    with release_views(opened, release, tables={names[1]}) as connection:
        rows = [row.texts() | {"agent_id": "x"} for row in exported_rows(connection, export)]
    edited.write_text(json.dumps({"rows": rows}))
    with pytest.raises(CorrectionError, match="who wrote it has to correct it there"):
        replay(
            Rejected(opened, spec, release, *names),
            edited,
            corrected_by="J. Doe",
            landed_at=datetime(2024, 1, 7, tzinfo=UTC),
            limits=EngineLimits(),
        )


def events_of(flow_run_id: UUID, name: str) -> dict[str, ReceivedEvent]:
    """The events of this name that the flow run emitted, by their resource."""
    EventsWorker.drain_all(timeout=10)
    related = EventRelatedFilter(id=[f"prefect.flow-run.{flow_run_id}"])
    wanted = EventFilter(event=EventNameFilter(name=[name]), related=related)
    with get_client(sync_client=True) as client:
        deadline = time.monotonic() + 15
        while True:
            body = {"filter": wanted.model_dump(mode="json", exclude_unset=True), "limit": 50}
            page = client.request("POST", "/events/filter", json=body).json()
            found = [ReceivedEvent.model_validate(event) for event in page["events"]]
            if found or name.endswith("failed") or time.monotonic() > deadline:
                return {event.resource.id: event for event in found}
            time.sleep(0.2)


def task_runs_of(flow_run: FlowRun) -> list[TaskRun]:
    """The task runs, once the last one has been written: that takes the server up to a second."""
    ours = FlowRunFilter(id=FlowRunFilterId(any_=[flow_run.id]))
    deadline = time.monotonic() + 15
    with get_client(sync_client=True) as client:
        while True:
            found = client.read_task_runs(flow_run_filter=ours, limit=200)
            ended = {run.name for run in found if run.state is not None and run.state.is_final()}
            if "report" in ended or time.monotonic() > deadline:
                return found
            time.sleep(0.2)


def test_task_runs_are_named_after_the_tables_they_work_on(
    outcome: object, flow_run: FlowRun
) -> None:
    found = task_runs_of(flow_run)
    names = {run.name for run in found}
    tables = {name for name in outcome.tables if not name.endswith("_quarantine")}
    of_main_flow = {name.replace(".", " ", 1) for name in tables if not name.startswith("dims.")}
    assert of_main_flow <= names
    assert {"silver models", "gold models", "publish", "report"} <= names
    assert {run.state_name for run in found} == {"Completed"}
