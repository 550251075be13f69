"""The payloads of a run's Prefect artifacts.

Belongs here: rows for table artifacts and Markdown for the summary. Does not belong here: creating
artifacts; nothing here knows Prefect.
"""

from __future__ import annotations

import math

from tasks.contracts.run_record import RunRecord
from tasks.reports.carried_over import base_sentence, carried_sentence
from tasks.reports.catalog_lines import catalog_lines
from tasks.reports.gate_lists import breaches, tally, worst_first
from tasks.reports.human_figures import count, duration, moment, size
from tasks.reports.markdown_text import code, escaped, table
from tasks.reports.printable_text import printable
from tasks.reports.quality_markdown import accounting_table, gate_table, quality_table
from tasks.reports.row_flow import table_flows
from tasks.reports.run_verdict import consequence, gate_sentence, headline
from tasks.reports.table_quality import table_qualities

Cell = str | int | float | None
_DIGITS = 4


def gate_rows(record: RunRecord) -> list[dict[str, Cell]]:
    """Every check, breaches first, as rows of a table artifact; shares have four digits.

    Columns: status, table (with its layer), check, observed, threshold, message. All values are
    JSON; a figure that JSON lacks (NaN, infinity) is its text.
    """
    return [
        {
            "status": gate.status,
            "table": f"{gate.layer}.{gate.table}",
            "check": gate.check,
            "observed": _json_value(gate.observed),
            "threshold": _json_value(gate.threshold),
            "message": printable(gate.message),
        }
        for gate in worst_first(record.gates)
    ]


def table_rows(record: RunRecord) -> list[dict[str, Cell]]:
    """Every table of the run, in the order of the record, as rows of a table artifact.

    Columns: table, rows, size, bronze, quarantined, superseded, quality_pct (these four are None
    outside silver), carried (rows of earlier runs), files, seconds.
    """
    return [
        {
            "table": found.table,
            "rows": found.rows_out,
            "size": size(found.bytes),
            "bronze": found.rows_in if found.layer == "silver" else None,
            "quarantined": found.quarantined,
            "superseded": found.superseded,
            "quality_pct": _rounded(found.quality.score_pct) if found.quality else None,
            "carried": found.rows_carried,
            "files": found.files,
            "seconds": _json_value(found.seconds),
        }
        for found in record.tables
    ]


def run_summary_markdown(record: RunRecord) -> str:
    """The summary of a run: outcome, error, stages, breaches, accounting, other tables."""
    blocks = [
        f"# {escaped(record.pipeline)} {record.run_date}: {headline(record)}",
        f"{consequence(record)} {gate_sentence(record)}",
        f"Run {code(record.run_id)}, started {moment(record.started_at)}, took "
        f"{duration(record.seconds)}, environment {escaped(record.environment)}, "
        f"gates {record.gate_mode}.",
        escaped(f"{base_sentence(record)} {carried_sentence(record)}".strip()),
        escaped(" ".join(catalog_lines(record))),
    ]
    if record.error:
        blocks += ["## Error", _indented(record.error)]
    if record.stages:
        detailed = any(stage.detail for stage in record.stages)
        rows = [
            [
                escaped(stage.stage),
                stage.status if stage.status == "done" else f"**{stage.status}**",
                "" if stage.status == "skipped" else duration(stage.seconds),
                *([escaped(stage.detail)] if detailed else []),
            ]
            for stage in record.stages
        ]
        header = ["Stage", "Status", "Took", *(["Detail"] if detailed else [])]
        blocks += ["## Stages", table(header, rows, right=("Took",))]
    if record.gates:
        broken = breaches(record.gates)
        blocks += ["## Gates", f"{tally(record.gates)}."]
        blocks += [gate_table(broken, with_layer=True)] if broken else []
        blocks += [
            "\n".join(
                f"- {code(gate.table)} {code(gate.check)}: {escaped(gate.message)}"
                for gate in broken
                if gate.message
            )
        ]
    flows = table_flows(record)
    if flows:
        blocks += ["## Row accounting", accounting_table(flows)]
    qualities = table_qualities(record)
    if qualities:
        blocks += ["## Quality", quality_table(qualities)]
    others = [found for found in record.tables if found.layer != "silver"]
    if others:
        rows = [[code(t.table), count(t.rows_out), size(t.bytes)] for t in others]
        header = ["Table", "Rows", "Size"]
        blocks += ["## Other tables", table(header, rows, right=("Rows", "Size"))]
    return "\n\n".join(block for block in blocks if block) + "\n"


def lineage_markdown(record: RunRecord) -> str:
    """What each table of a run is made of, a table a layer, in the order of the record."""
    blocks = [f"# {escaped(record.pipeline)} {record.run_date}: lineage"]
    for layer in dict.fromkeys(found.layer for found in record.tables):
        rows = [
            [code(t.table), count(t.rows_out), size(t.bytes), ", ".join(map(escaped, t.inputs))]
            for t in record.tables
            if t.layer == layer
        ]
        header = ["Table", "Rows", "Size", "Made of"]
        blocks += [f"## {escaped(layer.capitalize())}", table(header, rows, ("Rows", "Size"))]
    return "\n\n".join(blocks) + "\n"


def of_run(record: RunRecord) -> str:
    """The run in a few words: `ecommerce 2024-01-14, release 12`."""
    run = f"{record.pipeline} {record.run_date}"
    if record.release is not None:
        return f"{run}, release {record.release}"
    return f"{run}, {record.status}"


def _indented(text: str) -> str:
    """A code block by indentation, which no text can end."""
    return "\n".join(f"    {line}" for line in printable(text).splitlines())


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _json_value(value: Cell) -> Cell:
    if not isinstance(value, float):
        return value
    return round(value, _DIGITS) if math.isfinite(value) else str(value)
