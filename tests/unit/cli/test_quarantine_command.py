"""`quarantine`: counts by table and reason, and the rows."""

from __future__ import annotations

import csv
import io
from datetime import date
from pathlib import Path

import pytest
from published_lake import FIRST_RUN, SECOND_RUN, call, publish_run

from blocks.lake import Lake
from tasks.releases import read_release


def test_counts_by_table_and_reason(lake: Lake):
    lines = [line.split() for line in call(lake, "quarantine", "ecommerce").out.splitlines()]
    assert lines[2:] == [
        ["silver.orders", "2", "customer_id_orphan", "2"],
        ["missing_net_total", "1"],
    ]


def test_counts_as_json(lake: Lake):
    assert call(lake, "quarantine", "ecommerce", "--json").document == {
        "pipeline": "ecommerce",
        "release": 2,
        "run_id": SECOND_RUN,
        "tables": {
            "silver.orders": {
                "quarantined": 2,
                "reasons": {"customer_id_orphan": 2, "missing_net_total": 1},
            },
            "silver.returns": {"quarantined": 0, "reasons": {}},
        },
    }


@pytest.mark.parametrize(
    "name", ["orders", "silver.orders", "orders_quarantine", "silver.orders_quarantine"]
)
def test_rows_of_a_table_by_any_of_its_names(lake: Lake, name: str):
    document = call(lake, "quarantine", "ecommerce", name, "--json").document
    assert document["table"] == "silver.orders"
    assert document["columns"]["quarantine_reasons"] == "VARCHAR[]"
    assert document["rows"] == [
        [
            "x1",
            None,
            "orders/part-0000.parquet",
            ["missing_net_total", "customer_id_orphan"],
            FIRST_RUN,
        ],
        ["x2", -1.5, "orders/part-0000.parquet", ["customer_id_orphan"], FIRST_RUN],
    ]


@pytest.mark.parametrize("name", ["orders", "silver.orders", "order_faults", "silver.order_faults"])
def test_a_quarantine_may_have_a_name_of_its_own(lake: Lake, name: str):
    tables = dict(read_release(lake, "ecommerce").tables)
    faults = tables.pop("silver.orders_quarantine")
    tables["silver.order_faults"] = faults.model_copy(update={"quarantine_of": "silver.orders"})
    publish_run(lake, SECOND_RUN, date(2024, 1, 14), tables)
    document = call(lake, "quarantine", "ecommerce", name, "--json").document
    assert document["table"] == "silver.orders"
    assert [row[0] for row in document["rows"]] == ["x1", "x2"]
    counts = call(lake, "quarantine", "ecommerce", "--json").document["tables"]
    assert counts["silver.orders"]["quarantined"] == 2
    unknown = call(lake, "quarantine", "ecommerce", "order_fault")
    assert (unknown.status, "did you mean 'order_faults'?" in unknown.err) == (2, True)


def test_rows_of_a_reason(lake: Lake):
    options = ("--reason", "missing_net_total", "--format", "csv")
    answer = call(lake, "quarantine", "ecommerce", "orders", *options)
    rows = list(csv.DictReader(io.StringIO(answer.out)))
    assert [row["order_id"] for row in rows] == ["x1"]
    assert rows[0]["quarantine_reasons"] == '["missing_net_total", "customer_id_orphan"]'
    assert answer.err == ""


def test_limit(lake: Lake):
    answer = call(lake, "quarantine", "ecommerce", "orders", "--limit", "1")
    assert "x1" in answer.out
    assert "x2" not in answer.out
    assert "the first 1 rows" in answer.err


def test_a_reason_that_nothing_broke_is_pointed_out(lake: Lake):
    answer = call(lake, "quarantine", "ecommerce", "orders", "--reason=missing_net", "--json")
    assert answer.document["rows"] == []
    assert "did you mean 'missing_net_total'?" in answer.err
    quoted = call(lake, "quarantine", "ecommerce", "orders", "--reason", "it's", "--json")
    assert (quoted.status, quoted.document["rows"]) == (0, [])


def test_counts_of_one_reason(lake: Lake):
    out = call(lake, "quarantine", "ecommerce", "--reason", "missing_net_total").out
    assert "missing_net_total" in out
    assert "customer_id_orphan" not in out


def test_an_unknown_table_is_a_wrong_call(lake: Lake):
    answer = call(lake, "quarantine", "ecommerce", "order")
    assert (answer.status, answer.out) == (2, "")
    assert "did you mean 'orders'?" in answer.err


def test_nothing_quarantined(lake: Lake):
    answer = call(lake, "quarantine", "ecommerce", "returns", "--json")
    assert answer.document["rows"] == []
    assert answer.err == ""
    nothing = call(lake, "quarantine", "ecommerce", "--reason", "no_such")
    assert "nothing was quarantined for 'no_such'" in nothing.out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["replay"], "replay takes the corrected file"),
        (["replay", "o.csv", "--release", "1"], "--release: a replay corrects what the current"),
        (["export", "--by", "me"], "--by says who has corrected what is replayed"),
        (["export", "--format", "table"], "an export is csv or json"),
        (["export", "HELD"], "may hold corrections; name another file"),
    ],
)
def test_a_wrong_call_of_export_or_replay_is_told(
    lake: Lake, tmp_path: Path, words: list[str], told: str
):
    held = tmp_path / "held.csv"
    held.touch()
    given = [str(held) if word == "HELD" else word for word in words]
    answer = call(lake, "quarantine", "ecommerce", "orders", *given)
    assert (answer.status, answer.out) == (2, "")
    assert told in answer.err


def test_a_quarantine_without_what_is_specified_is_not_exported(lake: Lake, tmp_path: Path):
    answer = call(lake, "quarantine", "ecommerce", "orders", "export", str(tmp_path / "o.csv"))
    assert (answer.status, (tmp_path / "o.csv").exists()) == (1, False)
    assert "release 2 has no column 'total_items', which is specified; run" in answer.err
