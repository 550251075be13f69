"""The quality of one layer as Markdown, the text of `<LAYER>_QUALITY.md`.

Belongs here: what such a file says. Does not belong here: escaping (`markdown_text.py`), or where
the file lies.
"""

from __future__ import annotations

from collections.abc import Sequence

from tasks.contracts.run_record import GateResult, RunRecord
from tasks.reports.carried_over import base_sentence, carried_cell
from tasks.reports.gate_lists import LAYERS, breaches, tally, worst_first
from tasks.reports.human_figures import (
    NOTHING,
    count,
    duration,
    moment,
    percent,
    plain_pair,
    quantity,
    size,
)
from tasks.reports.markdown_text import code, escaped, table
from tasks.reports.quarantine_reasons import tables_with_reasons
from tasks.reports.row_flow import TableFlow, table_flows, total_flow
from tasks.reports.table_quality import TableQuality, table_qualities


def quality_markdown(record: RunRecord, layer: str) -> str:
    """Write the quality page of `layer`: bronze, dims, silver, enriched or gold.

    Breaches come first, with their messages, then every check. Silver adds the row accounting and
    the reasons of quarantine, bronze its drift. The text ends with a newline.

    Raises:
        ValueError: `layer` is none of these, nor a layer of the record's gates or tables.
    """
    known = {*LAYERS, *(gate.layer for gate in record.gates), *(t.layer for t in record.tables)}
    if layer not in known:
        raise ValueError(f"no layer {layer!r}; known: {', '.join(sorted(known))}")
    gates = worst_first(gate for gate in record.gates if gate.layer == layer)
    blocks = [f"# {layer.capitalize()} quality: {escaped(record.pipeline)}"]
    blocks += [_status_line(gates), _run_line(record)]
    blocks += _breach_blocks(breaches(gates))
    if layer == "silver":
        blocks += _accounting_blocks(table_flows(record))
        blocks += _quality_blocks(record)
        blocks += _reason_blocks(record)
    if layer == "bronze":
        blocks += _drift_blocks(record)
    blocks += _check_blocks(gates)
    blocks += _table_blocks(record, layer)
    return "\n\n".join(blocks) + "\n"


def gate_table(gates: Sequence[GateResult], *, with_layer: bool = False) -> str:
    """A Markdown table of checks in the order given; numbers align right."""
    header = ["Table", "Check", "Status", "Observed", "Threshold"]
    rows = [
        [
            code(gate.table),
            code(gate.check),
            _status_word(gate),
            *map(escaped, plain_pair(gate.observed, gate.threshold)),
        ]
        for gate in gates
    ]
    if with_layer:
        header = ["Layer", *header]
        rows = [[escaped(gate.layer), *row] for gate, row in zip(gates, rows, strict=True)]
    return table(header, rows, right=("Observed", "Threshold"))


def accounting_table(flows: Sequence[TableFlow]) -> str:
    """A Markdown table of the rows of each silver table, with their sums."""
    numbers = ("Bronze", "Silver", "Quarantined", "Superseded", "Unexplained", "Quarantine rate")
    rows = [_accounting_row(code(flow.table), flow) for flow in flows]
    if len(flows) > 1:
        rows.append(_accounting_row("all tables", total_flow(flows)))
    return table(["Table", *numbers], rows, right=numbers)


def _accounting_row(name: str, flow: TableFlow) -> list[str]:
    return [
        name,
        count(flow.bronze),
        count(flow.silver),
        count(flow.quarantined),
        count(flow.superseded),
        f"**{count(flow.unexplained)}**" if flow.unexplained else "0",
        escaped(percent(flow.quarantine_rate)),
    ]


def _status_word(gate: GateResult) -> str:
    return gate.status if gate.status == "pass" else f"**{gate.status}**"


def _status_line(gates: Sequence[GateResult]) -> str:
    if not gates:
        return "**Status: not checked.** No check of this layer was recorded."
    return f"**Status: {gates[0].status}.** {quantity(len(gates), 'check')}: {tally(gates)}."


def _run_line(record: RunRecord) -> str:
    release = "none" if record.release is None else str(record.release)
    return (
        f"Run {code(record.run_id)} of {record.run_date}, started {moment(record.started_at)}, "
        f"environment {escaped(record.environment)}, gates {record.gate_mode}, "
        f"release {release} ({record.status})."
    )


def _breach_blocks(broken: Sequence[GateResult]) -> list[str]:
    if not broken:
        return []
    lines = [
        f"- **{gate.status}** {code(gate.table)} {code(gate.check)}: "
        "observed {}, threshold {}.".format(
            *map(escaped, plain_pair(gate.observed, gate.threshold))
        )
        + (f" {escaped(gate.message)}" if gate.message else "")
        for gate in broken
    ]
    return ["## Breaches", "\n".join(lines)]


def _accounting_blocks(flows: Sequence[TableFlow]) -> list[str]:
    if not flows:
        return ["## Row accounting", "No silver table was computed."]
    lost = [flow for flow in flows if flow.unexplained]
    verdict = (
        f"It does not hold for {', '.join(code(flow.table) for flow in lost)}."
        if lost
        else "It holds for every table."
    )
    return [
        "## Row accounting",
        f"Bronze = silver + quarantined + superseded. {verdict}",
        accounting_table(flows),
    ]


def _reason_blocks(record: RunRecord) -> list[str]:
    tables = tables_with_reasons(record)
    if not tables:
        return ["## Quarantine reasons", "No row was quarantined."]
    rows = [
        [
            code(found.table),
            code(reason.name),
            count(reason.rows),
            escaped(percent(reason.share)),
            escaped(percent(reason.of_bronze)),
        ]
        for found in tables
        for reason in found.reasons
    ]
    rows += [
        [code(found.table), "not recorded", count(found.quarantined), NOTHING, NOTHING]
        for found in tables
        if not found.reasons
    ]
    numbers = ("Rows", "Share of quarantined", "Share of bronze")
    return [
        "## Quarantine reasons",
        "A row that broke several rules counts in each.",
        table(["Table", "Reason", *numbers], rows, right=numbers),
    ]


def quality_table(qualities: Sequence[TableQuality]) -> str:
    """A Markdown table of the quality of each silver table, with its target where any has one."""
    judged = any(found.status for found in qualities)
    rows = []
    for found in qualities:
        row = [code(found.table), found.score, escaped(found.duplicates)]
        if judged:
            status = found.status if found.status in {"", "pass"} else f"**{found.status}**"
            row[2:2] = [escaped(found.target), status]
        rows.append(row)
    header = ["Table", "Quality score", *(["Target", "Status"] if judged else []), "Copies"]
    return table(header, rows, right=("Quality score", "Target", "Copies"))


def _quality_blocks(record: RunRecord) -> list[str]:
    qualities = table_qualities(record)
    if not qualities:
        return []
    return [
        "## Quality",
        "The quality score is the share of silver in the bronze rows that are no copies.",
        quality_table(qualities),
    ]


def _drift_blocks(record: RunRecord) -> list[str]:
    if not record.drift:
        return ["## Drift", "No departure from the specification was recorded."]
    return ["## Drift", "\n".join(f"- {escaped(departure)}" for departure in record.drift)]


def _check_blocks(gates: Sequence[GateResult]) -> list[str]:
    return ["## Checks", gate_table(gates)] if gates else []


def _table_blocks(record: RunRecord, layer: str) -> list[str]:
    tables = [found for found in record.tables if found.layer == layer]
    if not tables:
        return []
    rows = [
        [
            code(found.table),
            count(found.rows_out),
            carried_cell(found),
            count(found.files),
            size(found.bytes),
            duration(found.seconds),
        ]
        for found in tables
    ]
    numbers = ("Rows", "Files", "Size", "Took")
    header = ["Table", "Rows", "Carried over", *numbers[1:]]
    sentence = base_sentence(record)
    return [
        "## Tables",
        *([escaped(sentence)] if sentence else []),
        table(header, rows, right=numbers),
    ]
