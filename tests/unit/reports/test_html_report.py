"""The HTML page of a run: self-contained, escaped, complete, true to its record."""

from __future__ import annotations

import subprocess
import sys

import pytest
from html_page import Page
from sample_events_record import events_run
from sample_record import SILVER, bare_run, failed_run, first_run, published_run

from tasks.contracts.run_record import GateResult, RunRecord, StageRecord, TableRecord
from tasks.reports.html_report import html_report

RUNS = {
    "published": published_run,
    "first": first_run,
    "bare": bare_run,
    "failed": failed_run,
    "events": events_run,
}
SECTIONS = {"timeline", "rows", "gates", "quarantine", "tables", "trends"}
EVIL = "<script>alert('x')</script>\"onload=\"y & {{ 7*7 }}"


@pytest.fixture(params=RUNS, scope="module")
def any_run(request) -> RunRecord:
    return RUNS[request.param]()


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(html_report(published_run()))


def test_page_refers_to_nothing_outside_itself(any_run):
    html = html_report(any_run)
    assert "http://" not in html
    assert "https://" not in html
    assert "@import" not in html
    assert "url(" not in html
    for tag, attrs in Page(html).tags:
        assert tag not in {"script", "img", "iframe", "object", "embed", "use", "image", "base"}
        for name in ("src", "srcset", "href", "xlink:href", "action"):
            assert (attrs.get(name) or "#").startswith(("#", "data:,"))
        assert not any(name.startswith("on") for name in attrs)


def test_every_section_is_there_and_linked(any_run):
    page = Page(html_report(any_run))
    sections = SECTIONS | ({"revenue"} if any_run.revenue else set())
    sections |= {"quality"} if any(table.quality for table in any_run.tables) else set()
    assert {attrs["id"] for tag, attrs in page.tags if tag == "section" and "id" in attrs} == (
        sections | ({"failure"} if any_run.error else set())
    )
    assert len(page.ids) == len(set(page.ids))
    targets = {a["href"][1:] for t, a in page.tags if t == "a"}
    assert targets == sections


def test_pictures_are_well_formed_and_named(any_run):
    for svg in Page(html_report(any_run)).svgs:
        if svg.get("role") == "img":
            assert svg.find("title").text.strip()
        assert "nan" not in {v.lower() for e in svg.iter() for v in e.attrib.values()}


def test_same_record_gives_same_page(any_run):
    assert html_report(any_run) == html_report(any_run.model_copy(deep=True))


def test_head_names_the_run(page):
    for fact in (
        "ecommerce 2024-01-14",
        "Published release 12",
        "19 s",
        "local",
        "warn",
        "2024-01-15 03:12:45 UTC",
        "20240115T031245Z-7f3a91c2",
        "Of 125 checks, 4 were breached and let pass.",
    ):
        assert fact in page.text


def test_flow_picture_adds_up_to_the_record(page):
    flow = page.svg("flow")
    ribbons = [e for e in flow.iter("path") if e.get("data-rows")]
    for table, (bronze, quarantined, superseded) in SILVER.items():
        rows = {
            e.get("data-to"): int(e.get("data-rows"))
            for e in ribbons
            if e.get("data-table") == table
        }
        assert rows.pop("silver") == bronze - quarantined - superseded
        assert rows.pop("quarantined", 0) == quarantined
        assert rows.pop("superseded", 0) == superseded
        assert rows == {}
    groups = list(flow.iter("g"))
    sources = {g.get("data-table"): int(g.get("data-rows")) for g in groups if g.get("data-table")}
    assert sources == {table: bronze for table, (bronze, _, _) in SILVER.items()}
    for group in (g for g in groups if g.get("data-to")):
        way = group.get("data-to")
        arriving = sum(int(e.get("data-rows")) for e in ribbons if e.get("data-to") == way)
        assert int(group.get("data-rows")) == arriving


def test_rows_that_the_accounting_lost_are_shown():
    lost = TableRecord(
        table="silver.orders", layer="silver", rows_in=1_000, rows_out=900, quarantined=60,
        superseded=10,
    )  # fmt: skip
    page = Page(html_report(published_run().model_copy(update={"tables": (lost,)})))
    ways = {e.get("data-to"): e.get("data-rows") for e in page.svg("flow").iter("path")}
    assert ways == {"silver": "900", "quarantined": "60", "superseded": "10", "unexplained": "30"}
    assert "30 rows lost" in page.text
    made_up = lost.model_copy(update={"rows_out": 931})
    page = Page(html_report(published_run().model_copy(update={"tables": (made_up,)})))
    assert "1 row too many" in page.text


def test_breaches_stand_open_and_passes_are_folded_away():
    html = html_report(published_run())
    gates = html[html.index('id="gates"') : html.index('id="quarantine"')]
    breaches, passes = gates[: gates.index("<details>")], gates[gates.index("<details>") :]
    assert "raise the threshold of returns" in breaches
    assert breaches.count('class="badge warn"') == 4
    assert 'class="badge pass"' not in breaches
    assert passes.count('class="badge pass"') == 121
    assert "<details open" not in gates


def test_anomalous_days_are_marked_by_shape_and_words(page):
    revenue = page.svg("revenue")
    marks = [g.find("title").text for g in revenue.iter("g") if g.find(".//path") is not None]
    assert [m.split(":")[0] for m in marks] == ["2024-01-07", "2024-01-12"]
    assert marks[0].endswith("high")
    assert marks[1].endswith("low")
    assert "▲ 2024-01-07 high: 91,400.50 (usual 37,400.00 to 74,800.00)" in page.text
    assert len(list(revenue.iter("g"))) == 30


def test_trends_show_the_earlier_runs_and_this_one(page):
    sparks = [svg for svg in page.svgs if svg.get("class") == "spark"]
    assert [len(list(s.iter("g"))) for s in sparks] == [11, 10, 10, 10]  # one failed
    assert "10 earlier runs and this one" in page.text
    assert "142,362" in page.text
    assert "2024-01-10: 4.1 s, failed" in page.text


def test_quarantine_reasons_stand_under_their_table(page):
    assert "returns 102 rows, 7.92 % of bronze" in page.text
    assert "order_id_orphan: 96.1 % of the quarantined rows" in page.text
    assert "Nothing was quarantined from return_items." in page.text


def test_quality_stands_beside_its_target():
    text = Page(html_report(events_run())).text
    assert "99.00 % quality score" in text
    assert "events 99.00 % > 99 % ✓ met 3.00 % valid_price 0.90 % of bronze" in text
    record = events_run()
    missed = record.gates[0].model_copy(update={"status": "warn", "observed": 0.98999999})
    text = Page(html_report(record.model_copy(update={"gates": (missed,)}))).text
    assert "! missed" in text
    unjudged = Page(html_report(record.model_copy(update={"gates": ()}))).text
    assert "events 99.00 % 3.00 % valid_price" in unjudged
    assert "Target" not in unjudged
    assert "0.98999999 0.99" in text


def test_page_says_what_was_carried_over_and_what_was_new():
    text = Page(html_report(events_run())).text
    assert "Built on release 4" in text
    assert "Built on release 4: 500 of 10,000 bronze rows were new." in text
    assert "carried over: 9,100 rows in 19 of 20 files" in text
    everything = {"built_on": None, "full_because": "a full refresh was asked for"}
    text = Page(html_report(events_run().model_copy(update=everything))).text
    assert "Computed everything: a full refresh was asked for." in text
    assert "Built on" not in text


def test_days_without_a_band_are_drawn_beside_their_mean():
    page = Page(html_report(events_run()))
    chart = page.svg("revenue")
    assert chart.find("title").text == "Revenue by day: 20 days"
    assert [e.get("class") for e in chart.iter() if e.get("class") in {"band", "mean"}] == ["mean"]
    assert "usual band" not in page.text
    assert "Judgement" not in page.text
    assert "The dashed line is the moving mean." in page.text


def test_failed_run_puts_the_error_first():
    html = html_report(failed_run())
    assert html.index('id="failure"') < html.index('id="timeline"')
    page = Page(html)
    assert "GateFailed: silver.returns: quarantine_rate 0.0792 is above 0.05" in page.text
    for undone in ("enriched was not run", "gold was not run", "publish was not run"):
        assert undone in page.text
    assert "silver failed after 7.0 s" in page.text
    assert "Nothing of it was published" in page.text
    assert 'id="failure"' not in html_report(published_run())


def test_failure_after_publishing_says_so():
    late = failed_run().model_copy(update={"release": 13, "error": None})
    text = Page(html_report(late)).text
    assert "Failed after release 13" in text
    assert "Nothing of it was published" not in text
    assert "failed without a recorded error" in text


def test_empty_sections_say_so():
    first = Page(html_report(first_run()))
    for words in (
        "Bronze holds no rows.",
        "No check was recorded.",
        "No row was quarantined.",
        "This is the first run on record",
    ):
        assert words in first.text
    bare = Page(html_report(bare_run()))
    assert bare.svgs == []
    for words in (
        "No stage was recorded.",
        "No silver table was computed",
        "No table was computed",
    ):
        assert words in bare.text


def test_every_value_is_inert():
    good = published_run()
    evil = good.model_copy(
        update={
            "pipeline": EVIL,
            "run_id": EVIL,
            "environment": EVIL,
            "status": "failed",
            "error": EVIL,
            "drift": (EVIL,),
            "stages": (
                StageRecord(stage=EVIL, status="failed", offset_seconds=0, seconds=1, detail=EVIL),
            ),
            "tables": (
                TableRecord(
                    table=f"silver.{EVIL}", layer="silver", rows_in=9, rows_out=4, quarantined=3,
                    superseded=2,
                ),
                TableRecord(table=EVIL, layer=EVIL, rows_out=1, inputs=(EVIL,)),
            ),
            "gates": tuple(
                GateResult(
                    layer=EVIL, table=EVIL, check=EVIL, status=status, observed=EVIL,
                    threshold=EVIL, message=EVIL,
                )
                for status in ("pass", "warn", "fail")
            ),
            "quarantine_reasons": {EVIL: {EVIL: 3}},
            "revenue": (good.revenue[0].model_copy(update={"anomaly": EVIL}),),
            "history": (good.history[0].model_copy(update={"run_id": EVIL}),),
        }
    )  # fmt: skip
    html = html_report(evil)
    assert "<script" not in html
    page = Page(html)
    assert not any(name.startswith("onload") for _, attrs in page.tags for name in attrs)
    assert page.text.count("<script>alert('x')</script>\"onload=\"y & {{ 7*7 }}") > 10
    assert "49" not in page.text


def test_colour_codes_of_other_programs_are_removed():
    coloured = failed_run().model_copy(update={"error": "\x1b[31mCompilation Error\x1b[0m\x07"})
    html = html_report(coloured)
    assert "<pre>Compilation Error</pre>" in html


def test_import_is_light():
    code = (
        "import sys, tasks.reports.html_report; "
        "heavy = {'polars', 'duckdb', 'prefect', 'pandera', 'dbt', 'pyarrow', 'rich', 'numpy'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
