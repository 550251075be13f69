"""Rejected rows that were exported, corrected and replayed: as if they had come right at once."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from blocks.lake import local_lake
from cli.reading import register
from tasks.contracts.errors import CorrectionError
from tasks.landing import land
from tasks.source_files import find_sources
from tasks.specs import load_spec
from tests.integration.bronze_builder import write_bronze
from tests.integration.published import content, rows_of
from tests.integration.same_content import content_differences
from tests.oracle.sample_rows import raw
from tests.oracle.schema import CONTRACTS
from tests.oracle.table import Row

pytestmark = pytest.mark.slow

DAY = date(2024, 1, 14)
OLD, NEW = "2024-01-12T02:00:00Z", "2024-01-13T02:00:00Z"
# Which batch, file and run a row came with: where it came from, not what it says.
PROVENANCE = ("run_id", "batch_id", "processed_timestamp")


def medallion(lake: Path, *words: str) -> str:
    """What a command that reads the lake prints; raises what stops it."""
    app = typer.Typer(pretty_exceptions_enable=False)
    register(app)
    done = CliRunner().invoke(app, [*words, "--lake", str(lake)])
    if done.exception is not None:
        raise done.exception
    return done.stdout


def corrected(pipeline: str, table: str, lake: Path, fixes: Callable[[Row], Row | None]) -> dict:
    """Export the rejected rows of a table, correct those that `fixes` corrects, and replay them."""
    edited = lake.parent / f"{table}.csv"
    medallion(lake, "quarantine", pipeline, table, "export", str(edited))
    rows = list(csv.DictReader(io.StringIO(edited.read_text())))
    fixed = [{**row, **(fixes(row) or {})} for row in rows]
    with edited.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(fixed)
    options = ("--by", "J. Doe", "--json")
    first = json.loads(
        medallion(lake, "quarantine", pipeline, table, "replay", str(edited), *options)
    )
    again = medallion(lake, "quarantine", pipeline, table, "replay", str(edited), *options)
    assert json.loads(again) == first | {"already_landed": True}
    return first


def accounting(record: object) -> dict[str, tuple[int, int, int, int]]:
    """Bronze, silver, quarantined and superseded rows of each silver table; they have to add up."""
    found = {}
    for table in record.tables:
        if table.layer == "silver":
            figures = (table.rows_in, table.rows_out, table.quarantined, table.superseded)
            assert figures[0] == sum(figures[1:]), table.table
            found[table.table] = figures
    return found


# {row: what is wrong with it}; its other columns are right. Copies compete with rejected ones.
WRONG: dict[str, list[tuple[Row, Row]]] = {
    "customers": [
        (raw("customers", customer_id="C2", email="a@b.example"), {"email": "nonsense"}),
        (raw("customers", customer_id="C3", is_guest=None), {"signup_date": "soon"}),
    ],
    "product_catalog": [
        (raw("product_catalog", product_id=2, category="Toys"), {"unit_price": -1.5})
    ],
    "orders": [
        # Its older copy stands as long as it is rejected, and a newer one would win in any case.
        (raw("orders", order_id="O2", net_total=9.0, ingestion_ts=NEW), {"net_total": 99.0}),
        (raw("orders", order_id="O3", net_total=8.0, ingestion_ts=OLD), {"net_total": None}),
        (raw("orders", order_id="O4", customer_id="C2"), {"customer_id": "C20"}),
        (raw("orders", order_id="O5", net_total=7.25, event_id="odd"), {"order_date": "2024-1-1"}),
        (raw("orders", order_id="O6"), {"gross_total": float("nan")}),
    ],
    "order_items": [
        (raw("order_items", order_id="O4", product_id=2), {"quantity": 0}),
        (raw("order_items", order_id="O5"), {"unit_price": None}),
    ],
}
RIGHT: dict[str, list[Row]] = {
    "customers": [raw("customers")],
    "product_catalog": [raw("product_catalog"), raw("product_catalog", product_id=3)],
    "orders": [
        raw("orders"),
        raw("orders", order_id="O2", net_total=1.0, ingestion_ts=OLD),
        raw("orders", order_id="O3", net_total=2.0, ingestion_ts=NEW),
        raw("orders", order_id="O7", net_total=11.5),
    ],
    "order_items": [raw("order_items"), raw("order_items", order_id="O7")],
    "shopping_carts": [raw("shopping_carts")],
    "cart_items": [raw("cart_items")],
}


def delivery(folder: Path, *, spoiled: bool) -> Path:
    """Files of the shop: bronze of Parquet, but customers as text without audit columns."""
    tables: dict[str, list[Row]] = {name: [] for name in CONTRACTS}
    for name, rows in RIGHT.items():
        wrong = [{**row, **(fault if spoiled else {})} for row, fault in WRONG.get(name, [])]
        tables[name] = [*rows, *wrong]
    people = tables.pop("customers")
    write_bronze(folder, tables)
    columns = list(CONTRACTS["customers"].columns)
    with (folder / "customers.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(people)
    return folder


def landed(lake: Path, folder: Path, pipeline: str = "ecommerce") -> None:
    spec = load_spec(pipeline)
    when = datetime(2024, 1, 14, 3, tzinfo=UTC)
    store = local_lake(lake).bronze
    land(store, f"{pipeline}/", spec, find_sources(spec, folder), landed_on=DAY, landed_at=when)


def fix(table: str) -> Callable[[Row], Row | None]:
    """Put what is wrong right, as a person would who knows the rows."""
    keys = CONTRACTS[table].key

    def fixes(row: Row) -> Row | None:
        for whole, fault in WRONG[table]:
            if all(row[key] == str(whole[key]) for key in keys):
                return {c: "" if whole[c] is None else str(whole[c]) for c in fault}
        return None

    return fixes


def test_a_shop_is_as_if_its_rows_had_come_right_in_the_first_place(
    run_flow: Callable, tmp_path: Path
) -> None:
    (tmp_path / "a").mkdir()
    lake, other = tmp_path / "a" / "lake", tmp_path / "lake"
    landed(lake, delivery(tmp_path / "spoiled", spoiled=True))
    before = accounting(run_flow(lake, DAY).record)
    assert before["silver.orders"] == (9, 4, 5, 0)
    batches = {}
    for table in WRONG:
        batches[table] = corrected("ecommerce", table, lake, fix(table))
    assert batches["orders"]["corrected"] == 5
    with pytest.raises(CorrectionError, match=f"by {batches['orders']['batch_id']} already; run"):
        edited = lake.parent / "orders.csv"
        edited.write_text(edited.read_text().replace("7.25", "7.26"))
        medallion(lake, "quarantine", "ecommerce", "orders", "replay", str(edited))
    after = accounting(run_flow(lake, DAY).record)
    assert after["silver.orders"] == (14, 7, 0, 7)

    landed(other, delivery(tmp_path / "right", spoiled=False))
    wanted = accounting(run_flow(other, DAY).record)
    for table, (bronze, silver, rejected, superseded) in wanted.items():
        added = len(WRONG.get(table.removeprefix("silver."), ()))
        assert after[table] == (bronze + added, silver, rejected, superseded + added)
    whole = content(other, drop=PROVENANCE)
    assert content_differences(whole, content(lake, drop=PROVENANCE)) == []

    columns, rows = rows_of(lake, "silver.orders")
    found = [dict(zip(columns, row, strict=True)) for row in rows]
    (fixed,) = [row for row in found if row["order_id"] == "O5"]
    assert (fixed["batch_id"], fixed["event_id"]) == (batches["orders"]["batch_id"], "odd")
    folder = lake / "bronze" / "ecommerce" / "orders" / "_batches"
    record = json.loads((folder / f"{fixed['batch_id']}.json").read_text())
    assert record["correction"]["corrected_by"] == "J. Doe"
    assert (record["correction"]["release"], record["correction"]["run_date"]) == (1, str(DAY))
    assert {row["reasons"][0] for row in record["correction"]["rows"]} == {
        "net_exceeds_gross",
        "missing_net_total",
        "customer_id_orphan",
        "invalid_order_date",
        "missing_gross_total",
    }


HEADER = (
    "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session"
)


def events(seed: int) -> list[tuple[str, str]]:
    """Lines as they are to be, and as they come: copies, bad values, rules broken."""
    choose = random.Random(seed).choice
    spoilings = [
        lambda line: line,
        lambda line: line,
        lambda line: line.replace(",1.50,", ",-1.50,"),
        lambda line: line.replace(",1.50,", ",cheap,"),
        lambda line: line.rpartition(",")[0],
        lambda line: line.replace("view", "look"),
        lambda line: line.replace(" UTC", " somewhen"),
    ]
    lines = []
    for number in range(40):
        right = (
            f"2024-01-{choose('123'):0>2} 10:00:0{number % 5} UTC,view,{choose('123')},7,a.b,"
            f"brand{number},1.50,{choose('12')},s{choose('12')}"
        )
        lines.append((right, choose(spoilings)(right)))
    return lines


def test_events_are_as_if_their_lines_had_come_right_in_the_first_place(
    prefect_api: None, tmp_path: Path
) -> None:
    from flows.run import run_pipeline

    def run(lake: Path, **options: object) -> object:
        return run_pipeline("clickstream", run_date=DAY, lake=str(lake), **options).record

    def drop(folder: Path, column: int, lines: list[tuple[str, str]], name: str) -> None:
        folder.mkdir(exist_ok=True)
        (folder / name).write_text("\n".join([HEADER, *(line[column] for line in lines), ""]))

    (tmp_path / "a").mkdir()
    lake, other, lines = tmp_path / "a" / "lake", tmp_path / "lake", events(seed=3)
    for number, part in enumerate((lines[:25], lines[25:])):
        drop(tmp_path / "spoiled", 1, part, f"part-{number}.csv")
        drop(tmp_path / "right", 0, part, f"part-{number}.csv")
    landed(lake, tmp_path / "spoiled", "clickstream")
    before = accounting(run(lake))["silver.events_cleaned"]
    kept = "part-0.csv", "4"  # stays as it is
    spoiled = sum(wrong != right for right, wrong in lines)
    assert before[2] == spoiled

    def fixes(row: Row) -> Row | None:
        line = lines[int(row["source_line"]) - 2 + 25 * (row["source_file"] == "part-1.csv")]
        if (row["source_file"], row["source_line"]) == kept:
            return None
        return dict(zip(HEADER.split(","), line[0].split(","), strict=True))

    lines[int(kept[1]) - 2] = (lines[int(kept[1]) - 2][1], lines[int(kept[1]) - 2][1])
    done = corrected("clickstream", "events_cleaned", lake, fixes)
    after = accounting(run(lake))["silver.events_cleaned"]
    drop(tmp_path / "right", 0, lines[:25], "part-0.csv")
    landed(other, tmp_path / "right", "clickstream")
    wanted = accounting(run(other))["silver.events_cleaned"]
    added = done["corrected"]
    assert added + wanted[2] == spoiled
    assert after == (wanted[0] + added, wanted[1], wanted[2], wanted[3] + added)
    drops = (*PROVENANCE, "created_at", "ingestion_timestamp")
    whole = content(other, None, "clickstream", drop=drops)
    assert content_differences(whole, content(lake, None, "clickstream", drop=drops)) == []
    run(lake, full_refresh=True)
    assert content_differences(whole, content(lake, None, "clickstream", drop=drops)) == []
    with pytest.raises(CorrectionError, match="it never was, or it was accepted or corrected"):
        edited = tmp_path / "a" / "events_cleaned.csv"
        edited.write_text(edited.read_text() + "\n")
        medallion(lake, "quarantine", "clickstream", "events_cleaned", "replay", str(edited))
