"""The audit trail: a record a run, and a row a table and run, kept in the lake.

Belongs here: writing and reading them, and the reports made of them. Does not belong here: what
the reports look like (`reports/`).
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl

from blocks.lake import Lake
from tasks.contracts.release import PublishedTable
from tasks.contracts.run_record import DayFigure, PastRun, RunRecord
from tasks.contracts.spec import DailyChart
from tasks.mirror import Mirror
from tasks.reports.html_report import html_report
from tasks.reports.quality_markdown import quality_markdown

AUDIT_SCHEMA: dict[str, pl.DataType] = {
    "pipeline": pl.String(),
    "run_id": pl.String(),
    "run_date": pl.Date(),
    "started_at": pl.Datetime("us"),
    "status": pl.String(),
    "release": pl.Int64(),
    "artifact": pl.String(),
    "layer": pl.String(),
    "table": pl.String(),
    "inputs": pl.List(pl.String()),
    "rows_in": pl.Int64(),
    "rows_out": pl.Int64(),
    "quarantined": pl.Int64(),
    "superseded": pl.Int64(),
    "rows_new": pl.Int64(),
    "rows_carried": pl.Int64(),
    "expired_rows": pl.Int64(),
    "expired_batches": pl.Int64(),
    "reused_from": pl.String(),
    "quality_score_pct": pl.Float64(),
    "duplicate_pct": pl.Float64(),
    "files": pl.Int64(),
    "bytes": pl.Int64(),
    "seconds": pl.Float64(),
    "gates": pl.List(
        pl.Struct(
            {
                "check": pl.String(),
                "status": pl.String(),
                "observed": pl.String(),
                "threshold": pl.String(),
            }
        )
    ),
}
LAYERS = ("bronze", "dims", "silver", "enriched", "gold")


def audit_rows(record: RunRecord) -> pl.DataFrame:
    """Return a row a table of the run (columns: AUDIT_SCHEMA)."""
    rows: list[dict[str, Any]] = []
    for table in record.tables:
        layer, _, name = table.table.partition(".")
        gates = [
            {
                "check": gate.check,
                "status": gate.status,
                "observed": None if gate.observed is None else str(gate.observed),
                "threshold": None if gate.threshold is None else str(gate.threshold),
            }
            for gate in record.gates
            if gate.table == name and gate.layer in (layer, "bronze" if layer == "silver" else "")
        ]
        rows.append(
            {
                **table.model_dump(),
                "table": table.table,
                "inputs": list(table.inputs),
                "quality_score_pct": table.quality.score_pct if table.quality else None,
                "duplicate_pct": table.quality.duplicate_pct if table.quality else None,
                "gates": gates,
                "pipeline": record.pipeline,
                "run_id": record.run_id,
                "run_date": record.run_date,
                "started_at": record.started_at.replace(tzinfo=None),
                "status": record.status,
                "release": record.release,
                "artifact": record.artifact,
            }
        )
    return pl.DataFrame(rows, schema=AUDIT_SCHEMA)


def write_record(lake: Lake, record: RunRecord) -> str:
    """Write the record, its audit rows and its reports; return where the HTML report lies."""
    rows = io.BytesIO()
    audit_rows(record).write_parquet(rows, compression="snappy")
    lake.control.write(lake.audit_key(record.pipeline, record.run_id), rows.getvalue())
    lake.control.write(
        lake.record_key(record.pipeline, record.run_id), record.model_dump_json(indent=1).encode()
    )
    prefix = lake.reports_prefix(record.pipeline, record.run_id)
    for layer in LAYERS:
        text = quality_markdown(record, layer)
        lake.control.write(f"{prefix}/{layer.upper()}_QUALITY.md", text.encode())
    report = f"{prefix}/report.html"
    lake.control.write(report, html_report(record).encode())
    return lake.control.url(report)


def read_record(lake: Lake, pipeline: str, run_id: str) -> RunRecord:
    """Read one run's record; raises FileNotFoundError."""
    return RunRecord.model_validate_json(lake.control.read(lake.record_key(pipeline, run_id)))


def run_ids(lake: Lake, pipeline: str) -> list[str]:
    """Return the runs that left a record, oldest first: a run id begins with its start."""
    keys = lake.control.list(lake.record_key(pipeline, "").rpartition("/")[0] + "/")
    return [key.rpartition("/")[2][: -len(".json")] for key in keys if key.endswith(".json")]


def past_runs(lake: Lake, pipeline: str, *, last: int = 20) -> tuple[PastRun, ...]:
    """Return the last runs' figures, oldest first."""
    return tuple(as_past(read_record(lake, pipeline, r)) for r in run_ids(lake, pipeline)[-last:])


def as_past(record: RunRecord) -> PastRun:
    """Reduce a record to what trends show."""
    silver = [t for t in record.tables if t.layer == "silver" and t.rows_in is not None]
    return PastRun(
        run_id=record.run_id,
        run_date=record.run_date,
        started_at=record.started_at,
        status=record.status,
        seconds=record.seconds,
        bronze_rows=sum(t.rows_in or 0 for t in silver),
        silver_rows=sum(t.rows_out for t in silver),
        quarantined_rows=sum(t.quarantined or 0 for t in silver),
    )


def daily_figures(
    mirror: Mirror, chart: DailyChart, table: PublishedTable, *, until: date, days: int = 120
) -> tuple[DayFigure, ...]:
    """Read the days of the report's chart with the band outside which a day is anomalous.

    A column that the table lacks is left out; there are no days without date or value.
    """
    if not {chart.date, chart.value} <= set(table.columns):
        return ()
    rows = (
        pl.scan_parquet(mirror.paths(table.files), hive_partitioning=False)
        .filter(pl.col(chart.date) <= until)
        .sort(chart.date)
        .tail(days)
        .collect()
    )
    figures = []
    for row in rows.iter_rows(named=True):
        mean, spread = _number(row, chart.mean), _number(row, chart.deviation)
        low = high = None
        if mean is not None and spread is not None:
            low, high = mean - chart.band * spread, mean + chart.band * spread
        figures.append(
            DayFigure(
                dt=row[chart.date],
                net_revenue=float(row[chart.value]),
                mean=mean,
                low=low,
                high=high,
                anomaly=row.get(chart.anomaly or "") or "",
            )
        )
    return tuple(figures)


def _number(row: Mapping[str, Any], column: str | None) -> float | None:
    value = row.get(column) if column is not None else None
    return None if value is None else float(value)
