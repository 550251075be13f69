"""A run from an artifact alone, watched by a lineage backend and a collector of telemetry.

The backends are servers on the loopback that keep what they are sent.
"""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import blocks.settings
from blocks.artifact_files import choose_artifact
from flows.run import RunOutcome, run_pipeline
from tasks import specs
from tasks.compiling import compile_artifact
from tasks.contracts.artifact import Artifact, artifact_bytes
from tasks.releases import read_release
from tests.http_recorder import Recorder, recording
from tests.lineage_documents import check_event

pytestmark = pytest.mark.slow
DAY = date(2024, 1, 6)
KEYS = {"LINEAGE_KEY": "canaryLineage", "COLLECTOR_KEY": "canaryCollector"}
COUNTS = {"carts_created", "return_rate", "orders_7d_avg", "total_orders"}
STAGES = ("bronze", "dimensions", "silver", "enriched", "gold", "publish")


@dataclass
class Watched:
    """A run and what was sent of it."""

    outcome: RunOutcome
    artifact: Artifact
    lake: Path
    lineage: Recorder
    collector: Recorder

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for body in self.lineage.bodies("/api/v1/lineage")]

    def ended(self, job: str) -> dict[str, Any]:
        (found,) = (e for e in self.events if e["job"]["name"] == job and e["eventType"] != "START")
        return found


@pytest.fixture(scope="module")
def watched(
    prefect_api: None, small_bronze: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("watched")
    with (
        recording() as lineage,
        recording() as collector,
        pytest.MonkeyPatch.context() as patched,
    ):
        for name, value in KEYS.items():
            patched.setenv(name, value)
        (folder / "shop.yml").write_text(
            f"lake: {{kind: local, root: {folder / 'lake'}}}\n"
            f"lineage: {{kind: http, url: '{lineage.url}', api_key: {{env: LINEAGE_KEY}}}}\n"
            f"telemetry: {{kind: otlp, url: '{collector.url}', api_key: {{env: COLLECTOR_KEY}}}}\n"
        )
        artifact = compile_artifact("ecommerce", "shop", environments=folder)
        (folder / "artifact.json").write_bytes(artifact_bytes(artifact))

        def no_other_file(*_: object) -> None:
            raise AssertionError("a specification or an environment was read beside the artifact")

        patched.setattr(specs, "read_spec", no_other_file)
        patched.setattr(blocks.settings, "read_environment", no_other_file)
        choose_artifact(folder / "artifact.json")
        try:
            outcome = run_pipeline("ecommerce", run_date=DAY, bronze=str(small_bronze))
        finally:
            choose_artifact(None)
        yield Watched(outcome, artifact, folder / "lake", lineage, collector)


def test_the_run_records_the_artifact_that_it_went_by(watched: Watched) -> None:
    record, sha256 = watched.outcome.record, watched.artifact.sha256
    assert (record.environment, record.artifact) == ("shop", sha256)
    lake = blocks.settings.Settings(lake_root=watched.lake).lake()
    assert read_release(lake, "ecommerce").artifact == sha256
    rows = pl.read_parquet(watched.lake / f"ecommerce/_audit/{record.run_id}.parquet")
    assert rows["artifact"].unique().to_list() == [sha256]


def test_each_event_is_one(watched: Watched) -> None:
    assert len(watched.events) > 2 * len(STAGES)
    for event in watched.events:
        check_event(event)


def test_every_beginning_has_its_end_below_the_run(watched: Watched) -> None:
    began = next(e for e in watched.events if e["job"]["name"] == "ecommerce")
    jobs = {event["job"]["name"] for event in watched.events}
    assert {f"ecommerce.{stage}" for stage in STAGES} < jobs
    for job in jobs:
        kinds = [e["eventType"] for e in watched.events if e["job"]["name"] == job]
        assert kinds == ["START", "COMPLETE"], job
    for event in watched.events:
        if event["job"]["name"] != "ecommerce":
            parent = event["run"]["facets"]["parent"]["run"]["runId"]
            assert parent == began["run"]["runId"]


def outputs(event: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {"/".join(d["name"].split("/")[-2:]): d for d in event["outputs"]}


def test_datasets_tell_columns_rows_and_lineage(watched: Watched) -> None:
    record = watched.outcome.record
    for stage, layer in {
        "dimensions": "dims",
        **{n: n for n in ("silver", "enriched", "gold")},
    }.items():
        made = outputs(watched.ended(f"ecommerce.{stage}"))
        for table in record.tables:
            if table.layer != layer:
                continue
            dataset = made[table.table.replace(".", "/")]
            published = watched.outcome.tables[table.table]
            fields = dataset["facets"]["schema"]["fields"]
            assert {f["name"]: f["type"] for f in fields} == dict(published.columns)
            assert dataset["outputFacets"]["outputStatistics"]["rowCount"] == table.rows_out
            told = dataset["facets"]["columnLineage"]["fields"]
            rest = set(published.columns) - set(told) - {"run_date", "run_id", "snapshot_dt"}
            assert all("count" in name or name in COUNTS for name in rest), (table.table, rest)
    mart = outputs(watched.ended("ecommerce.gold"))["gold/fct_daily_dashboard"]
    (source,) = mart["facets"]["columnLineage"]["fields"]["net_revenue"]["inputFields"]
    assert source["name"].endswith("/ecommerce/enriched/daily_business_metrics")
    orders = outputs(watched.ended("ecommerce.silver"))["silver/orders"]["facets"]["columnLineage"]
    (source,) = orders["fields"]["net_total"]["inputFields"]
    assert (source["name"].rsplit("/", 2)[-2:], source["field"]) == (
        ["bronze", "orders"],
        "net_total",
    )
    final = outputs(watched.ended("ecommerce"))
    assert final["gold/fct_daily_dashboard"]["facets"]["version"]["datasetVersion"] == "1"


def test_every_gate_is_an_assertion(watched: Watched) -> None:
    told = 0
    for event in watched.events:
        for dataset in event["inputs"]:
            facet = dataset.get("inputFacets", {}).get("dataQualityAssertions")
            told += len([a for a in facet["assertions"] if a["name"]]) if facet else 0
    own = [gate for gate in watched.outcome.record.gates if gate.table != "all"]
    assert told >= len(own)


def test_keys_are_sent_and_kept_nowhere(watched: Watched) -> None:
    assert all(
        r.headers["authorization"] == "Bearer canaryLineage" for r in watched.lineage.requests
    )
    assert all(
        r.headers["authorization"] == "Bearer canaryCollector" for r in watched.collector.requests
    )
    sent = [r.body for r in (*watched.lineage.requests, *watched.collector.requests)]
    kept = [path.read_bytes() for path in watched.lake.rglob("*") if path.is_file()]
    assert not any(key.encode() in body for key in KEYS.values() for body in [*sent, *kept])


def test_the_collector_has_a_span_a_stage_and_table_and_their_rows(watched: Watched) -> None:
    record = watched.outcome.record
    (traces,) = watched.collector.bodies("/v1/traces")
    request = ExportTraceServiceRequest.FromString(traces)
    names = {s.name for r in request.resource_spans for c in r.scope_spans for s in c.spans}
    assert names == {
        "run ecommerce",
        *(f"stage {stage.stage}" for stage in record.stages),
        *(f"table {table.table}" for table in record.tables),
    }
    (metrics,) = watched.collector.bodies("/v1/metrics")
    (resource,) = ExportMetricsServiceRequest.FromString(metrics).resource_metrics
    by_name = {m.name: m for scope in resource.scope_metrics for m in scope.metrics}
    rows = {
        next(a.value.string_value for a in p.attributes if a.key == "medallion.table"): p.as_int
        for p in by_name["medallion.rows.quarantined"].gauge.data_points
    }
    assert rows == {t.table: t.quarantined for t in record.tables if t.quarantined is not None}


def test_backends_that_are_down_fail_no_run_and_are_told_of_once(
    prefect_api: None,
    small_bronze: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        (tmp_path / "down.yml").write_text(
            f"lineage: {{kind: http, url: '{url}'}}\n"
            f"telemetry: {{kind: otlp, url: '{url}', timeout_seconds: 1}}\n"
            "stages: [bronze]\n"
        )
        artifact = compile_artifact("ecommerce", "down", environments=tmp_path)
        (tmp_path / "down.json").write_bytes(artifact_bytes(artifact))
        monkeypatch.setenv("MEDALLION_ARTIFACT", str(tmp_path / "down.json"))
        with caplog.at_level(logging.WARNING, logger="medallion"):
            done = run_pipeline(
                "ecommerce", run_date=DAY, bronze=str(small_bronze), lake=str(tmp_path / "lake")
            )
    assert done.record.status == "computed"
    told = [r.getMessage() for r in caplog.records if "cannot be sent" in r.getMessage()]
    assert [text.partition(" cannot")[0] for text in told] == [
        "lineage events",
        "traces and metrics",
    ]
