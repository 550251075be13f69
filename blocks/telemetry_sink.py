"""Sending traces and metrics to a collector by OTLP over HTTP.

Belongs here: OpenTelemetry's SDK, opened by an environment's settings for one sending. Does not
belong here: what is told (`tasks/run_telemetry.py`), and what becomes of a failure.

Nothing global of OpenTelemetry is set and none of its variables decides what is sent: Prefect may
have a tracer of its own in the same process.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from importlib.util import find_spec
from typing import TYPE_CHECKING

from blocks.observability_settings import TelemetrySettings
from blocks.secrets import look_up
from tasks.contracts.errors import ConfigurationError
from tasks.contracts.telemetry import Attribute, Figure, Span

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan

_SCOPE = "medallion"
_PACKAGES = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")


class TelemetryError(Exception):
    """The collector did not take what it was sent."""


def check_installed() -> None:
    """Raise ConfigurationError where the packages are missing; nothing is loaded."""
    for name in _PACKAGES:
        try:
            found = find_spec(name) is not None
        except ModuleNotFoundError:
            found = False
        if not found:
            raise ConfigurationError(
                f"telemetry: kind: otlp needs the package of {name}: install "
                "medallion-flows[telemetry]"
            )


def send(
    settings: TelemetrySettings,
    resource: Mapping[str, str],
    started_at: datetime,
    spans: Sequence[Span],
    figures: Sequence[Figure],
) -> None:
    """Send spans and figures of a run that began at `started_at`.

    Raises TelemetryError where the collector cannot be reached or refuses, ConfigurationError where
    its key is missing.
    """
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import (  # noqa: PLC0415
        OTLPMetricExporter,
    )
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
        OTLPSpanExporter,
    )
    from opentelemetry.sdk.metrics.export import MetricExportResult  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import SpanExportResult  # noqa: PLC0415

    url, headers = settings.url.rstrip("/"), _headers(settings)
    # Not Resource.create: it would add what the process' variables and machine tell.
    source = Resource({"service.name": settings.service_name, **resource})
    # It logs each attempt that fails; the caller says it once.
    with _quiet("opentelemetry"):
        traces = OTLPSpanExporter(
            f"{url}/v1/traces", headers=headers, timeout=settings.timeout_seconds
        )
        sent = traces.export(_readable(source, started_at, spans))
        traces.shutdown()  # type: ignore[no-untyped-call]
        if sent is not SpanExportResult.SUCCESS:
            raise TelemetryError(f"{url}/v1/traces took no traces")
        metrics = OTLPMetricExporter(
            f"{url}/v1/metrics", headers=headers, timeout=settings.timeout_seconds
        )
        took = _export_figures(source, figures, metrics)
        metrics.shutdown()
        if took is not MetricExportResult.SUCCESS:
            raise TelemetryError(f"{url}/v1/metrics took no metrics")


def _headers(settings: TelemetrySettings) -> dict[str, str]:
    key = look_up(settings.api_key, "telemetry.api_key")
    if key is None:
        return {}
    bearer = "Bearer " if settings.header.lower() == "authorization" else ""
    return {settings.header: f"{bearer}{key.get_secret_value()}"}


def _readable(
    resource: Resource, started_at: datetime, spans: Sequence[Span]
) -> Sequence[ReadableSpan]:
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: PLC0415
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import (  # noqa: PLC0415
        InMemorySpanExporter,
    )
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON  # noqa: PLC0415
    from opentelemetry.trace import Status, StatusCode, set_span_in_context  # noqa: PLC0415
    from opentelemetry.trace.span import Span as Begun  # noqa: PLC0415

    held = InMemorySpanExporter()
    provider = TracerProvider(sampler=ALWAYS_ON, resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(held))
    tracer = provider.get_tracer(_SCOPE)
    begun: list[Begun] = []
    for span in spans:
        around = None if span.inside is None else set_span_in_context(begun[span.inside])
        made = tracer.start_span(
            span.name,
            context=around,
            attributes=dict(span.attributes),
            start_time=_nanoseconds(started_at, span.begins),
        )
        if span.error is not None:
            made.set_status(Status(StatusCode.ERROR, span.error))
        begun.append(made)
    for span, made in zip(spans, begun, strict=True):
        made.end(_nanoseconds(started_at, span.begins + span.seconds))
    return held.get_finished_spans()


def _export_figures(resource: Resource, figures: Sequence[Figure], exporter: object) -> object:
    from opentelemetry.sdk.metrics import MeterProvider  # noqa: PLC0415
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader  # noqa: PLC0415

    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
    meter = provider.get_meter(_SCOPE)
    gauges = {}
    for figure in figures:
        if figure.name not in gauges:
            gauges[figure.name] = meter.create_gauge(figure.name, figure.unit, figure.description)
        attributes: dict[str, Attribute] = dict(figure.attributes)
        gauges[figure.name].set(figure.value, attributes)
    data = reader.get_metrics_data()
    provider.shutdown()
    return exporter.export(data)  # type: ignore[attr-defined]


def _nanoseconds(started_at: datetime, seconds: float) -> int:
    return int((started_at + timedelta(seconds=seconds)).timestamp() * 1_000_000) * 1_000


@contextlib.contextmanager
def _quiet(name: str) -> Iterator[None]:
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(before)
