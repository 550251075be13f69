"""The summary on a terminal: what it says, and that it fits."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from sample_events_record import events_run
from sample_record import bare_run, failed_run, first_run, published_run

from tasks.contracts.run_record import RunRecord, TableRecord
from tasks.reports.carried_over import base_sentence
from tasks.reports.terminal_summary import summary_tables


def printed(record: RunRecord, path: str | None = "/lake/report.html", encoding="utf-8") -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding)
    Console(file=file, width=100).print(summary_tables(record, path))
    file.flush()
    return raw.getvalue().decode(encoding)


def test_a_whole_run_fits_the_terminal():
    record = published_run()
    many = record.gates + tuple(
        gate.model_copy(update={"status": "warn", "observed": "x" * 200})
        for gate in record.gates[:30]
    )
    quarantines = tuple(
        TableRecord(table=f"{t.table}_quarantine", layer="silver", rows_out=t.quarantined)
        for t in record.tables
        if t.layer == "silver"
    )
    grown = {"gates": many, "tables": (*record.tables, *quarantines)}
    text = printed(record.model_copy(update=grown))
    lines = text.splitlines()
    assert len(lines) <= 45
    assert max(len(line) for line in lines) <= 100
    assert "and 28 more in the report" in text
    for table in record.tables:
        assert table.table.split(".")[1] in text


def test_figures_of_the_run():
    text = printed(published_run())
    assert "ecommerce 2024-01-14  Published release 12 in 19 s" in text
    assert "silver 7.0 s" in text
    assert "order_items        57,793    56,149         1,033          611" in text
    assert "dims: customers 2,263, product_catalog 478" in text
    assert "silver.returns quarantine_rate" in text
    assert "Report: /lake/report.html" in text


def test_an_incremental_run_says_what_was_new_and_what_was_carried_over():
    text = " ".join(printed(events_run()).split())
    assert "Built on release 4: 500 of 10,000 bronze rows were new." in text
    assert "Rows carried over: silver 9,100 of 9,603, gold none of 20." in text
    assert "silver bronze rows quarantined superseded quality" in text
    assert "events 10,000 9,603 97 300 99.00 % (> 99 %)" in text


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"full_because": "there is no release yet"},
            "Computed everything: there is no release yet.",
        ),
        ({"built_on": 3}, "Built on release 3."),
        ({}, ""),
    ],
)
def test_the_sentence_on_what_a_run_built(changes, sentence):
    assert base_sentence(bare_run().model_copy(update=changes)) == sentence


@pytest.mark.parametrize(
    ("new", "words"),
    [(0, "no bronze row was new"), (1, "1 of 10,000 bronze rows was new"), (2, "rows were new")],
)
def test_the_sentence_counts_new_rows(new, words):
    record = events_run()
    silver = record.tables[0].model_copy(update={"rows_new": new})
    assert words in base_sentence(record.model_copy(update={"tables": (silver,)}))


def test_stages_are_not_torn_apart():
    stage = published_run().stages[0].model_copy(update={"seconds": 71.0})
    text = printed(published_run().model_copy(update={"stages": (stage,) * 12}))
    assert text.count("bronze 1 min 11 s") == 12


def test_failed_run_names_error_and_what_was_not_done():
    text = printed(failed_run())
    assert "GateFailed: silver.returns: quarantine_rate 0.0792 is above 0.05" in text
    assert "silver failed after 7.0 s" in text
    assert "Not done: enriched, gold, publish" in text


def test_a_long_error_is_cut():
    error = "\n".join(f"\x1b[31mline {i}" for i in range(50))
    text = printed(failed_run().model_copy(update={"error": error}))
    assert "(44 more lines in the report)" in text
    assert "\x1b" not in text


@pytest.mark.parametrize("run", [first_run, bare_run, failed_run, published_run, events_run])
def test_every_run_prints_on_a_terminal_without_unicode(run):
    assert printed(run(), None, encoding="ascii").strip()
    assert "Report:" not in printed(run(), None)


def test_values_are_not_read_as_markup():
    text = printed(bare_run().model_copy(update={"pipeline": "[red]shop[/red]"}), "/a/[b]/c")
    assert "[red]shop[/red]" in text
    assert "Report: /a/[b]/c" in text


def test_unexplained_rows_are_shown():
    record = published_run()
    orders = record.tables[2].model_copy(update={"rows_out": 14_000})
    assert "unexplained: 714" in printed(record.model_copy(update={"tables": (orders,)}))


def test_tables_that_a_failed_run_had_computed_are_told_with_that_run():
    taken = TableRecord(table="silver.orders", layer="silver", rows_out=1, reused_from="r7")
    changes = {"tables": (taken,), "full_because": "there is no release yet"}
    told = base_sentence(bare_run().model_copy(update=changes))
    assert told.startswith("Built on no release: there is no release yet.")
    assert told.endswith("Taken over as computed before: 1 table of run r7.")
