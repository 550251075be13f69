"""Spans and figures of a record, and what a collector gets of them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from pydantic import SecretStr

from blocks.observability_settings import TelemetrySettings
from blocks.telemetry_sink import TelemetryError, check_installed, send
from tasks.contracts.errors import ConfigurationError
from tasks.contracts.telemetry import Figure, Span
from tasks.run_telemetry import figures_of, spans_of
from tests.http_recorder import Recorder, recording
from tests.unit.reports.sample_record import failed_run, published_run

BEGAN = datetime(2024, 1, 15, 3, 12, 45, tzinfo=UTC)


def test_a_run_holds_its_stages_and_they_their_tables() -> None:
    record = published_run()
    spans = spans_of(record)
    run, *inner = spans
    assert (run.name, run.begins, run.seconds, run.inside) == ("run ecommerce", 0.0, 19.34, None)
    assert run.attributes["medallion.release"] == 12
    assert run.attributes["medallion.run_date"] == "2024-01-14"
    names = [span.name for span in inner if span.inside == 0]
    assert names == [f"stage {stage.stage}" for stage in record.stages]
    (orders,) = (span for span in spans if span.name == "table silver.orders")
    assert orders.inside is not None
    assert spans[orders.inside].name == "stage silver"
    assert orders.begins == spans[orders.inside].begins
    assert orders.attributes["medallion.rows.quarantined"] == 412
    tables = {span.name for span in spans if span.name.startswith("table ")}
    assert tables == {f"table {table.table}" for table in record.tables}
    assert all(span.error is None for span in spans)


def test_what_failed_says_so() -> None:
    record = failed_run()
    run, *inner = spans_of(record)
    assert run.error == record.error
    broken = {span.name for span in inner if span.error}
    assert broken == {f"stage {s.stage}" for s in record.stages if s.status == "failed"}


def test_figures_are_those_of_the_record() -> None:
    record = published_run()
    figures = figures_of(record)

    def value(name: str, **attributes: str) -> Any:
        wanted = {f"medallion.{key}": told for key, told in attributes.items()}
        (found,) = (
            f.value for f in figures if f.name == name and wanted.items() <= f.attributes.items()
        )
        return found

    assert value("medallion.rows.in", table="silver.orders") == 15_330
    assert value("medallion.rows.quarantined", table="silver.orders") == 412
    assert value("medallion.rows.out", table="gold.fct_daily_dashboard") == 30
    assert value("medallion.run.duration", status="published") == 19.34
    gates = sum(figure.value for figure in figures if figure.name == "medallion.gates")
    assert gates == len(record.gates)
    units = {(figure.name, figure.unit, figure.description) for figure in figures}
    assert len(units) == len({figure.name for figure in figures})


@pytest.fixture
def collector() -> Iterator[Recorder]:
    with recording() as recorder:
        yield recorder


SPANS = [
    Span("run shop", 0.0, 2.5, None, {"medallion.release": 3, "medallion.status": "published"}),
    Span("stage gold", 1.0, 1.5, 0, {}, "it broke"),
    Span("table gold.mart", 1.0, 0.5, 1),
]
FIGURES = [
    Figure("medallion.rows.out", "{row}", "Rows.", 30, {"medallion.table": "gold.mart"}),
    Figure("medallion.rows.out", "{row}", "Rows.", 7, {"medallion.table": "gold.other"}),
    Figure("medallion.run.duration", "s", "Seconds.", 2.5),
]


def sent(collector: Recorder, **settings: Any) -> None:
    told = TelemetrySettings(kind="otlp", url=collector.url, **settings)
    send(told, {"service.version": "1.2"}, BEGAN, SPANS, FIGURES)


def test_a_collector_gets_spans_with_their_times_and_places(collector: Recorder) -> None:
    sent(collector)
    request = ExportTraceServiceRequest.FromString(collector.bodies("/v1/traces")[0])
    (resource,) = request.resource_spans
    told = {a.key: a.value.string_value for a in resource.resource.attributes}
    assert told == {"service.name": "medallion-flows", "service.version": "1.2"}
    (scope,) = resource.scope_spans
    found = {span.name: span for span in scope.spans}
    run, stage, table = (found[span.name] for span in SPANS)
    assert len({span.trace_id for span in found.values()}) == 1
    assert (run.parent_span_id, stage.parent_span_id) == (b"", run.span_id)
    assert table.parent_span_id == stage.span_id
    assert run.start_time_unix_nano == int(BEGAN.timestamp()) * 10**9
    assert run.end_time_unix_nano - run.start_time_unix_nano == 2_500_000_000
    assert stage.start_time_unix_nano - run.start_time_unix_nano == 1_000_000_000
    assert (stage.status.code, stage.status.message) == (2, "it broke")
    assert run.status.code == 0
    attributes = {a.key: a.value for a in run.attributes}
    assert attributes["medallion.release"].int_value == 3


def test_a_collector_gets_metrics_with_their_units(collector: Recorder) -> None:
    sent(collector)
    request = ExportMetricsServiceRequest.FromString(collector.bodies("/v1/metrics")[0])
    (resource,) = request.resource_metrics
    metrics = {m.name: m for scope in resource.scope_metrics for m in scope.metrics}
    assert set(metrics) == {"medallion.rows.out", "medallion.run.duration"}
    rows = metrics["medallion.rows.out"]
    assert rows.unit == "{row}"
    points = {p.attributes[0].value.string_value: p.as_int for p in rows.gauge.data_points}
    assert points == {"gold.mart": 30, "gold.other": 7}
    assert metrics["medallion.run.duration"].gauge.data_points[0].as_double == 2.5


def test_the_key_goes_into_its_header_and_nowhere_else(collector: Recorder) -> None:
    sent(collector, api_key=SecretStr("canary"))
    assert all(r.headers["authorization"] == "Bearer canary" for r in collector.requests)
    assert all(b"canary" not in r.body for r in collector.requests)
    collector.requests.clear()
    sent(collector, api_key=SecretStr("canary"), header="x-api-key")
    assert all(r.headers["x-api-key"] == "canary" for r in collector.requests)


def test_variables_of_the_process_add_nothing(
    collector: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "password=canary")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    sent(collector)
    assert len(collector.requests) == 2
    assert all(b"canary" not in request.body for request in collector.requests)


def test_a_collector_that_refuses_is_an_error_told_once(
    collector: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    collector.status = 401
    with caplog.at_level(logging.DEBUG), pytest.raises(TelemetryError, match="took no traces"):
        sent(collector)
    assert [r for r in caplog.records if r.name.startswith("opentelemetry")] == []


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    check_installed()
    monkeypatch.setattr("blocks.telemetry_sink.find_spec", lambda _: None)
    with pytest.raises(ConfigurationError, match=r"install medallion-flows\[telemetry\]"):
        check_installed()
