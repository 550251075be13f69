"""The HTML page of a run: one file without scripts that fetches nothing.

Belongs here: choosing what the page shows and handing it to the templates. Does not belong here:
the shapes of the charts (a module each), or writing the file.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import jinja2

from tasks.contracts.run_record import RunRecord, TableRecord
from tasks.reports import (
    carried_over,
    gate_lists,
    human_figures,
    quarantine_reasons,
    run_verdict,
    table_quality,
)
from tasks.reports.catalog_lines import catalog_lines
from tasks.reports.page_templates import page_environment
from tasks.reports.revenue_chart import revenue_chart
from tasks.reports.row_flow import flow_picture, table_flows, total_flow
from tasks.reports.stage_timeline import stage_bars, timeline_seconds
from tasks.reports.trend_charts import trends

_TEMPLATES = Path(__file__).parent / "templates"
_TITLES = {"dims": "Dimensions"}


def html_report(record: RunRecord) -> str:
    """Render the page of one run.

    The text is a complete HTML document. It holds no script and refers to nothing outside itself;
    every value of the record is escaped.
    """
    flows = table_flows(record)
    page = _environment().get_template("page.html.j2")
    return page.render(
        record=record,
        headline=run_verdict.headline(record),
        consequence=run_verdict.consequence(record),
        gate_sentence=run_verdict.gate_sentence(record),
        not_done=run_verdict.not_done(record),
        bars=stage_bars(record),
        timeline_seconds=timeline_seconds(record),
        flows=flows,
        total=total_flow(flows),
        picture=flow_picture(flows),
        tables_by_layer=_tables_by_layer(record),
        breaches=gate_lists.breaches(record.gates),
        layers=gate_lists.by_layer(record.gates),
        tally=gate_lists.tally(record.gates),
        reasons=quarantine_reasons.tables_with_reasons(record),
        qualities=table_quality.table_qualities(record),
        catalog_lines=catalog_lines(record),
        base_sentence=carried_over.base_sentence(record),
        untouched=quarantine_reasons.tables_without(record),
        revenue=revenue_chart(record.revenue),
        trends=trends(record),
    )


def _tables_by_layer(record: RunRecord) -> tuple[tuple[str, tuple[TableRecord, ...]], ...]:
    """Each layer that has tables, titled, in the order of the flow."""
    layers = sorted({table.layer for table in record.tables}, key=gate_lists.layer_position)
    return tuple(
        (
            _TITLES.get(layer, layer.capitalize()),
            tuple(table for table in record.tables if table.layer == layer),
        )
        for layer in layers
    )


@cache
def _environment() -> jinja2.Environment:
    environment = page_environment()
    environment.filters |= {
        "rows": human_figures.count,
        "duration": human_figures.duration,
        "size": human_figures.size,
        "percent": human_figures.percent,
        "amount": human_figures.amount,
        "moment": human_figures.moment,
        "carried": carried_over.carried_cell,
    }
    environment.globals["quantity"] = human_figures.quantity
    environment.globals["pair"] = human_figures.plain_pair
    return environment
