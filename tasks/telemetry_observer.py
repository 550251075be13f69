"""Sends a run's traces and metrics when it has ended.

Belongs here: handing the record over. Does not belong here: what is told of it
(`run_telemetry.py`), and OpenTelemetry (`blocks/telemetry_sink.py`).
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from blocks.settings import Settings
from blocks.telemetry_sink import check_installed, send
from tasks.contracts.artifact import PROJECT
from tasks.contracts.run_record import RunRecord, StageRecord
from tasks.run_telemetry import figures_of, spans_of

if TYPE_CHECKING:
    from tasks.run_state import RunState


class TelemetryObserver:
    """Sends the spans and figures of one run, all at its end; raises ConfigurationError when it is
    made and the packages for it are not installed."""

    what = "traces and metrics"

    def __init__(self, settings: Settings) -> None:
        check_installed()
        self._settings = settings

    def stage_began(self, state: RunState, stage: str, offset_seconds: float) -> None:
        """Wait for the end."""

    def stage_ended(self, state: RunState, stage: StageRecord, error: str | None) -> None:
        """Wait for the end."""

    def run_ended(self, state: RunState, record: RunRecord) -> None:  # noqa: ARG002
        """Send what the record says."""
        send(
            self._settings.telemetry,
            {
                "service.version": version(PROJECT),
                "deployment.environment.name": record.environment,
            },
            record.started_at,
            spans_of(record),
            figures_of(record),
        )
