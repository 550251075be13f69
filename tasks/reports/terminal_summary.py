"""The summary of a run on a terminal, within 100 columns and about 45 lines.

Belongs here: what is shown and how it is laid out. Does not belong here: printing. All text is
`rich.text.Text`, so that no value is read as markup.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tasks.contracts.run_record import GateResult, RunRecord, TableRecord
from tasks.reports.carried_over import base_sentence, carried_sentence
from tasks.reports.catalog_lines import catalog_lines
from tasks.reports.gate_lists import breaches, layer_position
from tasks.reports.human_figures import NOTHING, count, duration, plain_pair
from tasks.reports.printable_text import printable
from tasks.reports.row_flow import QUARANTINE_SUFFIX, bare_name, table_flows, total_flow
from tasks.reports.run_verdict import consequence, gate_sentence, headline, not_done
from tasks.reports.table_quality import TableQuality, table_qualities

_MOST_BREACHES = 6
_LONGEST_CELL = 20
_LONGEST_ERROR = 6
_WIDTH = 100
_STATUS_STYLE = {
    "published": "bold green",
    "computed": "bold",
    "unchanged": "bold",
    "failed": "bold red",
    "done": "green",
    "skipped": "dim",
    "warn": "yellow",
    "fail": "red",
}
# A whole terminal of tables hides the outcome, so the longer lists stand beside one another.
_BESIDE = 2


def summary_tables(record: RunRecord, report_path: str | None = None) -> RenderableType:
    """Lay out a run: outcome, stages, tables, breaches, and where its HTML report lies."""
    head: list[RenderableType] = [_outcome(record)]
    if record.error:
        head.append(_error(record.error))
    if record.stages:
        head.append(_stage_line(record))
    built = (base_sentence(record), carried_sentence(record))
    head += [Text(printable(sentence), overflow="fold") for sentence in built if sentence]
    blocks: list[list[RenderableType]] = [
        head,
        [_accounting(record)] if table_flows(record) else [],
        _other_layers(record),
        _breach_list(breaches(record.gates)),
        [_closing(record, report_path)],
    ]
    filled = [Group(*block) for block in blocks if block]
    spaced = [part for block in filled for part in (Text(), block)]
    return Group(*spaced[1:])


def _outcome(record: RunRecord) -> Text:
    return Text.assemble(
        (f"{record.pipeline} {record.run_date}  ", "bold"),
        (headline(record), _STATUS_STYLE[record.status]),
        f" in {duration(record.seconds)}, environment {record.environment}, "
        f"gates {record.gate_mode}",
    )


def _error(error: str) -> Text:
    lines = printable(error).strip().splitlines()
    shown = lines[:_LONGEST_ERROR]
    if len(lines) > len(shown):
        shown.append(f"({len(lines) - len(shown):,} more lines in the report)")
    return Text("\n".join(shown), style="red", overflow="fold")


def _stage_line(record: RunRecord) -> Text:
    pieces = []
    for stage in record.stages:
        word = duration(stage.seconds) if stage.status != "skipped" else "skipped"
        word = f"failed after {word}" if stage.status == "failed" else word
        pieces.append(
            Text.assemble((f"{stage.stage} ", "dim"), (word, _STATUS_STYLE[stage.status]))
        )
    # A stage and its time stay on one line.
    lines = [pieces[0]]
    for piece in pieces[1:]:
        if len(lines[-1]) + 3 + len(piece) <= _WIDTH:
            lines[-1] = Text.assemble(lines[-1], "   ", piece)
        else:
            lines.append(piece)
    return Text("\n").join(lines)


def _accounting(record: RunRecord) -> Table:
    qualities = {found.table: found for found in table_qualities(record)}
    figures = ("bronze", "rows", "quarantined", "superseded", *(["quality"] if qualities else []))
    table = _plain_table("silver", *figures)
    flows = table_flows(record)
    for flow in flows:
        table.add_row(
            Text(flow.table),
            count(flow.bronze),
            count(flow.silver),
            Text(count(flow.quarantined), style="yellow" if flow.quarantined else "dim"),
            count(flow.superseded),
            *(_quality(qualities.get(flow.table)) if qualities else ()),
        )
        if flow.unexplained:
            table.add_row(Text(f"  unexplained: {count(flow.unexplained)}", style="bold red"))
    if len(flows) > 1:
        total = total_flow(flows)
        sums = (total.bronze, total.silver, total.quarantined, total.superseded)
        table.add_row("all tables", *(count(each) for each in sums), style="bold")
    return table


def _quality(found: TableQuality | None) -> list[Text]:
    """The score, and what it should exceed where the specification says."""
    if found is None:
        return [Text("")]
    target = f" ({found.target})" if found.gate else ""
    score = found.score.replace(NOTHING, "-")
    return [Text(f"{score}{target}", style=_STATUS_STYLE.get(found.status, ""))]


def _other_layers(record: RunRecord) -> list[RenderableType]:
    """The tables of the other layers, two longer layers side by side.

    Quarantine tables are left out: their rows stand in the accounting.
    """
    accounted = {flow.table for flow in table_flows(record)}
    rest = [
        table
        for table in record.tables
        if table.layer != "silver"
        or not (table.table.endswith(QUARANTINE_SUFFIX) or bare_name(table.table) in accounted)
    ]
    layers = sorted({table.layer for table in rest}, key=layer_position)
    grouped = {layer: [t for t in rest if t.layer == layer] for layer in layers}
    short = [layer for layer in layers if len(grouped[layer]) <= _BESIDE]
    lines: list[RenderableType] = [_layer_line(layer, grouped[layer]) for layer in short]
    long = [layer for layer in layers if layer not in short]
    for start in range(0, len(long), _BESIDE):
        grid = Table.grid(padding=(0, 3))
        pair = long[start : start + _BESIDE]
        grid.add_row(*(_layer_table(layer, grouped[layer]) for layer in pair))
        lines.append(grid)
    return lines


def _layer_line(layer: str, tables: Sequence[TableRecord]) -> Text:
    pieces = [f"{bare_name(table.table)} {count(table.rows_out)}" for table in tables]
    return Text.assemble((f"{layer}: ", "dim"), ", ".join(pieces))


def _layer_table(layer: str, tables: Sequence[TableRecord]) -> Table:
    table = _plain_table(layer, "rows")
    for found in tables:
        table.add_row(Text(bare_name(found.table)), count(found.rows_out))
    return table


def _plain_table(first: str, *figures: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="dim")
    table.add_column(Text(first), overflow="fold")
    for figure in figures:
        table.add_column(figure, justify="right", no_wrap=True)
    return table


def _breach_list(broken: Sequence[GateResult]) -> list[RenderableType]:
    if not broken:
        return []
    table = _plain_table("breach", "observed", "threshold")
    table.add_column("", no_wrap=True)
    for gate in broken[:_MOST_BREACHES]:
        observed, threshold = plain_pair(gate.observed, gate.threshold)
        table.add_row(
            Text(printable(f"{gate.layer}.{gate.table} {gate.check}")),
            Text(_short(observed)),
            Text(_short(threshold)),
            Text(gate.status, style=_STATUS_STYLE[gate.status]),
        )
    more = len(broken) - _MOST_BREACHES
    parts: list[RenderableType] = [table]
    if more > 0:
        parts.append(Text(f"and {more:,} more in the report", style="dim"))
    return parts


def _short(value: str) -> str:
    """One line of a cell; what is longer stands in the report."""
    text = " ".join(printable(value).split()).replace(NOTHING, "-")
    return text if len(text) <= _LONGEST_CELL else f"{text[: _LONGEST_CELL - 3]}..."


def _closing(record: RunRecord, report_path: str | None) -> Text:
    lines = [f"{gate_sentence(record)} {consequence(record)}"]
    undone = [stage.stage for stage in not_done(record) if stage.status == "skipped"]
    if undone:
        lines.append(f"Not done: {', '.join(undone)}")
    lines += [printable(line) for line in catalog_lines(record)]
    if report_path is not None:
        lines.append(f"Report: {report_path}")
    return Text("\n".join(lines), overflow="fold")
