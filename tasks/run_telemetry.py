"""Spans and figures of a run: pure functions of its record.

Belongs here: what is told, under which names. Does not belong here: sending it.

A run is a span, in it each stage, in that each table. A record says how long a table took and not
when in its stage: the span of a table begins with its stage.
"""

from __future__ import annotations

from collections import Counter

from tasks.contracts.run_record import RunRecord, TableRecord
from tasks.contracts.telemetry import Attribute, Figure, Span

_STAGES = {"dims": "dimensions"}


def spans_of(record: RunRecord) -> list[Span]:
    """Return the run's span, its stages' and its tables', the outer ones first."""
    failed = record.error if record.status == "failed" else None
    spans = [Span(f"run {record.pipeline}", 0.0, record.seconds, None, _of_run(record), failed)]
    places = {}
    for stage in record.stages:
        broken = failed or "failed" if stage.status == "failed" else None
        places[stage.stage] = len(spans)
        told: dict[str, Attribute] = {"medallion.stage": stage.stage}
        spans.append(
            Span(f"stage {stage.stage}", stage.offset_seconds, stage.seconds, 0, told, broken)
        )
    for table in record.tables:
        place = places.get(_STAGES.get(table.layer, table.layer))
        if place is not None:
            begins = spans[place].begins
            spans.append(
                Span(f"table {table.table}", begins, table.seconds, place, _of_table(table))
            )
    return spans


def figures_of(record: RunRecord) -> list[Figure]:
    """Return the run's metrics: rows, seconds, and results of gates."""
    run: dict[str, Attribute] = {"medallion.pipeline": record.pipeline}
    figures = [
        Figure(
            "medallion.run.duration",
            "s",
            "Seconds that the last run took.",
            record.seconds,
            {**run, "medallion.status": record.status},
        )
    ]
    for stage in record.stages:
        named = {**run, "medallion.stage": stage.stage}
        told = "Seconds that a stage of the last run took."
        figures.append(Figure("medallion.stage.duration", "s", told, stage.seconds, named))
    for table in record.tables:
        named = {**run, "medallion.layer": table.layer, "medallion.table": table.table}
        took = "Seconds that the last run worked on a table."
        figures.append(Figure("medallion.table.duration", "s", took, table.seconds, named))
        rows = {"in": table.rows_in, "out": table.rows_out, "quarantined": table.quarantined}
        for name, value in rows.items():
            if value is not None:
                told = _ROWS[name]
                figures.append(Figure(f"medallion.rows.{name}", "{row}", told, value, named))
    counted = Counter((gate.layer, gate.status) for gate in record.gates)
    for (layer, status), number in sorted(counted.items()):
        named = {**run, "medallion.layer": layer, "medallion.status": status}
        told = "Checks of the last run by their result."
        figures.append(Figure("medallion.gates", "{check}", told, number, named))
    return figures


_ROWS = {
    "in": "Rows that a table of the last run was made of.",
    "out": "Rows that a table of the last run has.",
    "quarantined": "Rows that the last run rejected.",
}


def _of_run(record: RunRecord) -> dict[str, Attribute]:
    told: dict[str, Attribute | None] = {
        "medallion.pipeline": record.pipeline,
        "medallion.run_id": record.run_id,
        "medallion.run_date": record.run_date.isoformat(),
        "medallion.gate_mode": record.gate_mode,
        "medallion.status": record.status,
        "medallion.release": record.release,
        "medallion.artifact": record.artifact,
    }
    return {name: value for name, value in told.items() if value is not None}


def _of_table(table: TableRecord) -> dict[str, Attribute]:
    told: dict[str, Attribute | None] = {
        "medallion.table": table.table,
        "medallion.layer": table.layer,
        "medallion.rows.in": table.rows_in,
        "medallion.rows.out": table.rows_out,
        "medallion.rows.quarantined": table.quarantined,
        "medallion.files": table.files,
        "medallion.bytes": table.bytes,
    }
    return {name: value for name, value in told.items() if value is not None}
