"""What a run leaves behind about itself: gates, row counts, timings, and what a report shows.

Belongs here: frozen models of one run's record and its parts. Does not belong here: computing
them, writing them (`tasks/audit.py`), or turning them into text (`tasks/reports`).
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

GateStatus = Literal["pass", "warn", "fail"]
GateMode = Literal["warn", "strict"]
RunStatus = Literal["published", "computed", "failed", "unchanged"]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class GateResult(_Record):
    """One check of one table. `table` is the published name without its layer (`orders`).

    `status` is `warn` for a breach that the mode lets pass and `fail` for one that stops the run.
    """

    layer: str = Field(description="bronze, dims, silver, enriched or gold.")
    table: str
    check: str = Field(description="For example quarantine_rate or fk_integrity.")
    status: GateStatus
    observed: float | int | str | None
    threshold: float | int | str | None
    message: str = Field("", description="What was found and what to do, for a breach.")


class Quality(_Record):
    """How good the rows of one bronze table were, in percent; None where there were none."""

    score_pct: float | None = Field(description="Silver rows of those that are no copies.")
    duplicate_pct: float | None = Field(description="Superseded rows of all.")
    broken_rule_pct: dict[str, float] = Field(
        default_factory=dict,
        description="{rule: rows that broke it, of all}; a row may have broken several.",
    )


class TableRecord(_Record):
    """One table of one run. `table` is the published name with its layer (`silver.orders`)."""

    table: str
    layer: str
    rows_in: int | None = Field(None, description="Bronze rows, for silver; rows read, for others.")
    rows_out: int
    rows_merged: int | None = Field(
        None, description="Values in the rows beyond one each, where values are counted."
    )
    quarantined: int | None = None
    superseded: int | None = None
    quarantine: str | None = Field(None, description="Published table of the rejected rows.")
    quality: Quality | None = None
    rows_new: int | None = Field(
        None, description="Bronze rows that the release built on had not seen, for silver."
    )
    rows_carried: int | None = Field(None, description="Rows in files of earlier runs.")
    expired_rows: int | None = Field(
        None, description="Landed rows past their retention, no part of `rows_in`, for silver."
    )
    expired_batches: int | None = Field(None, description="The batches that held them.")
    files_carried: int | None = None
    reused_from: str | None = Field(
        None, description="The run that computed the table, where this one took its result over."
    )
    files: int = 0
    bytes: int = 0
    seconds: float = 0.0
    inputs: tuple[str, ...] = Field((), description="Tables read, with their layers.")


class StageRecord(_Record):
    """One stage of one run, in the order of running."""

    stage: str = Field(description="bronze, dimensions, silver, enriched, gold, publish.")
    status: Literal["done", "failed", "skipped"]
    offset_seconds: float = Field(description="Seconds from the start of the run.")
    seconds: float
    detail: str = ""


class DayFigure(_Record):
    """A day of the revenue chart; outside of `low` to `high` a day is anomalous."""

    dt: date
    net_revenue: float
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    anomaly: str = Field(
        "", description="NORMAL, HIGH, LOW or INSUFFICIENT_HISTORY; empty: not judged."
    )


class PastRun(_Record):
    """An earlier run of the same pipeline, for the trends."""

    run_id: str
    run_date: date
    started_at: datetime
    status: RunStatus
    seconds: float
    bronze_rows: int
    silver_rows: int
    quarantined_rows: int


class CatalogRecord(_Record):
    """What the Iceberg catalog shows after a run; without `release` there was a `problem`."""

    release: int | None
    tables: int = 0
    changed: int = Field(0, description="Tables that were given other files by this run.")
    seconds: float = 0.0
    left_out: dict[str, str] = Field(
        default_factory=dict, description="{table: why no Iceberg table can show it}"
    )
    problem: str = ""


class RunRecord(_Record):
    """Everything that one run says of itself. Times are UTC."""

    pipeline: str
    run_id: str
    run_date: date
    environment: str
    gate_mode: GateMode
    status: RunStatus
    release: int | None = Field(description="The release that the run published, if it did.")
    started_at: datetime
    seconds: float
    error: str | None = None
    artifact: str | None = Field(
        None, description="Hash of the compiled artifact that the run went by, if it did."
    )
    built_on: int | None = Field(None, description="The release whose rows were carried over.")
    full_because: str = Field("", description="Why everything was computed, where it was.")
    stages: tuple[StageRecord, ...] = ()
    tables: tuple[TableRecord, ...] = ()
    gates: tuple[GateResult, ...] = ()
    quarantine_reasons: dict[str, dict[str, int]] = Field(
        default_factory=dict,
        description="{table: {reason: rows}}; a row that broke several rules counts in each.",
    )
    drift: tuple[str, ...] = Field((), description="Departures of bronze from the specification.")
    catalog: CatalogRecord | None = Field(
        None, description="What the Iceberg catalog shows; none where nothing was to be shown."
    )
    revenue_title: str = "Net revenue by day"
    revenue: tuple[DayFigure, ...] = ()
    history: tuple[PastRun, ...] = Field((), description="Earlier runs, oldest first.")
