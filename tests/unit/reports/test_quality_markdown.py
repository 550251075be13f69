"""The Markdown of one layer: breaches first, accounting, and cells that hold."""

from __future__ import annotations

import re

import pytest
from sample_events_record import events_run
from sample_record import bare_run, failed_run, published_run

from tasks.contracts.run_record import GateResult
from tasks.reports.markdown_text import code, escaped
from tasks.reports.quality_markdown import quality_markdown

LAYERS = ("bronze", "dims", "silver", "enriched", "gold")
UNESCAPED_PIPE = re.compile(r"(?<!\\)\|")


def tables_of(text: str) -> list[list[str]]:
    blocks = [block.splitlines() for block in text.split("\n\n")]
    return [lines for lines in blocks if lines[0].startswith("|")]


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("run", [published_run, failed_run, bare_run, events_run])
def test_every_table_is_rectangular(run, layer):
    text = quality_markdown(run(), layer)
    assert text.startswith(f"# {layer.capitalize()} quality: ")
    assert text.endswith("\n")
    assert "\n\n\n" not in text
    for lines in tables_of(text):
        assert len({len(UNESCAPED_PIPE.findall(line)) for line in lines}) == 1


def test_silver_page_tells_status_breaches_accounting_and_reasons():
    text = quality_markdown(published_run(), "silver")
    assert "**Status: warn.** 41 checks: 2 warned, 39 passed." in text
    assert "| `orders` | 15,330 | 14,714 | 412 | 204 | 0 | 2.69 % |" in text
    assert "| all tables | 142,362 | 139,314 | 1,753 | 1,295 | 0 | 1.23 % |" in text
    assert "| `orders` | `net_exceeds_gross` | 201 | 48.8 % |" in text
    assert "102 of 1,288 rows were quarantined, most for order_id_orphan." in text
    assert text.index("## Breaches") < text.index("## Row accounting") < text.index("## Checks")


def test_silver_page_tells_quality_and_what_was_carried_over():
    text = quality_markdown(events_run(), "silver")
    assert "| `events` | 99.00 % | \\> 99 % | pass | 3.00 % |" in text
    assert "| `events` | `malformed_line` | 7 | 7.22 % | 0.07 % |" in text
    assert "Built on release 4: 500 of 10,000 bronze rows were new." in text
    assert "| `silver.events` | 9,603 | 9,100 rows in 19 of 20 files | 20 |" in text


def test_breaches_lead_the_table_of_checks():
    text = quality_markdown(published_run(), "silver")
    checks = text[text.index("## Checks") :].splitlines()
    statuses = [line.split(" | ")[2] for line in checks if line.startswith("| `")][:41]
    assert statuses == ["**warn**"] * 2 + ["pass"] * 39


def test_fail_outranks_warn():
    record = published_run()
    fail = record.gates[-1].model_copy(update={"layer": "silver", "status": "fail"})
    text = quality_markdown(record.model_copy(update={"gates": (*record.gates, fail)}), "silver")
    assert "**Status: fail.** 42 checks: 1 failed, 2 warned, 39 passed." in text


def test_accounting_that_does_not_hold_is_named():
    record = published_run()
    orders = record.tables[2].model_copy(update={"rows_out": 14_713})
    text = quality_markdown(record.model_copy(update={"tables": (orders,)}), "silver")
    assert "It does not hold for `orders`." in text
    assert "| **1** |" in text


def test_bronze_page_tells_of_drift():
    assert "- orders: column promo_code is not" in quality_markdown(published_run(), "bronze")
    assert "No departure" in quality_markdown(bare_run(), "bronze")


def test_layer_without_checks_is_not_called_good():
    assert "**Status: not checked.**" in quality_markdown(bare_run(), "gold")


def test_unknown_layer_is_refused():
    with pytest.raises(ValueError, match="no layer 'sliver'; known: bronze"):
        quality_markdown(published_run(), "sliver")


def test_untrusted_values_stay_in_their_cells():
    gate = GateResult(
        layer="gold", table="a|b`c", check="<b>", status="fail", observed="x|y\n| z |",
        threshold="[l](http://h)", message="<script>\n# not a heading | *x*",
    )  # fmt: skip
    text = quality_markdown(bare_run().model_copy(update={"gates": (gate,)}), "gold")
    (lines,) = tables_of(text)
    assert lines[2] == (r"| ``a\|b`c`` | `<b>` | **fail** | x\|y \| z \| | \[l\](http://h) |")
    assert "\n# not" not in text
    assert r"\<script\>" in text


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("order_id", "order_id"),
        ("_x_", r"\_x\_"),
        ("a\\|b", r"a\\\|b"),
        ("5 * 3 & 2", r"5 \* 3 \& 2"),
    ],
)
def test_escaped(text, markdown):
    assert escaped(text) == markdown


@pytest.mark.parametrize(
    ("text", "markdown"), [("a", "`a`"), ("`a", "`` `a ``"), ("a``b", "```a``b```"), ("", "")]
)
def test_code(text, markdown):
    assert code(text) == markdown
