"""The payloads of Prefect artifacts: JSON rows and a summary."""

from __future__ import annotations

import json

import pytest
from sample_events_record import events_run
from sample_record import bare_run, failed_run, published_run

from tasks.reports.artifacts import (
    gate_rows,
    lineage_markdown,
    of_run,
    run_summary_markdown,
    table_rows,
)


def test_gate_rows_are_json_with_breaches_first():
    record = published_run()
    strange = record.gates[0].model_copy(update={"observed": float("nan")})
    rows = gate_rows(record.model_copy(update={"gates": (*record.gates, strange)}))
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows
    assert [row["status"] for row in rows[:5]] == ["warn"] * 4 + ["pass"]
    assert len(rows) == 126
    assert list(rows[0]) == [
        "status", "table", "check", "observed", "threshold", "message"
    ]  # fmt: skip


def test_table_rows_give_the_accounting():
    rows = {row["table"]: row for row in table_rows(published_run())}
    orders = rows["silver.orders"]
    assert orders["bronze"] == orders["rows"] + orders["quarantined"] + orders["superseded"]
    assert rows["gold.fct_daily_dashboard"]["rows"] == 30
    assert rows["gold.fct_daily_dashboard"]["bronze"] is None
    json.dumps(list(rows.values()), allow_nan=False)


def test_summary_tells_the_outcome():
    text = run_summary_markdown(published_run())
    assert text.startswith("# ecommerce 2024-01-14: Published release 12\n")
    assert "4 warned, 121 passed." in text
    assert "| `gold.fct_daily_dashboard` | 30 | 3.6 kB |" in text


def test_quality_and_what_was_carried_over_are_told():
    (events, daily) = table_rows(events_run())
    assert (events["carried"], daily["carried"], daily["quality_pct"]) == (9_100, 0, None)
    assert events["quality_pct"] == pytest.approx(99)
    text = run_summary_markdown(events_run())
    assert "Built on release 4: 500 of 10,000 bronze rows were new. Rows carried over:" in text
    assert "| `events` | 99.00 % | \\> 99 % | pass | 3.00 % |" in text


def test_lineage_tells_a_layer_after_the_other_what_tables_are_made_of():
    text = lineage_markdown(published_run())
    assert text.startswith("# ecommerce 2024-01-14: lineage\n\n## Silver\n")
    assert "| Table | Rows | Size | Made of |\n| --- | ---: | ---: | --- |" in text
    layers = [line for line in text.splitlines() if line.startswith("## ")]
    assert layers == ["## Silver", "## Dims", "## Enriched", "## Gold"]


def test_a_run_is_named_by_its_day_and_release_or_what_became_of_it():
    assert of_run(published_run()) == "ecommerce 2024-01-14, release 12"
    assert of_run(failed_run()).endswith(", failed")


def test_summary_of_a_failed_run_holds_its_error_whatever_it_contains():
    error = "```\n\x1b[31m<script>\x1b[0m"
    text = run_summary_markdown(failed_run().model_copy(update={"error": error}))
    assert "## Error\n\n    ```\n    <script>\n" in text
    assert "| gold | **skipped** |" in text


def test_summary_of_a_bare_run_is_short():
    text = run_summary_markdown(bare_run())
    assert "Nothing changed" in text
    assert "|" not in text
