"""Rejected rows that were exported, corrected and replayed: as if they had come right at once."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

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


class Line(NamedTuple):
    """A line as it comes, and as it is once somebody has corrected it, if anybody does."""

    came: str
    corrected: str

    @property
    def is_corrected(self) -> bool:
        return self.came != self.corrected


SPOILINGS: list[Callable[[str], str]] = [
    lambda line: line.replace(",1.50,", ",-1.50,"),
    lambda line: line.replace(",1.50,", ",cheap,"),
    lambda line: line.rpartition(",")[0],
    lambda line: line.replace("view", "look"),
    lambda line: line.replace(" UTC", " somewhen"),
]
PER_FILE = 150


def events(seed: int) -> list[Line]:
    """Random lines: copies, bad values, rules broken; most of what is bad is corrected."""
    chance = random.Random(seed)
    lines = []
    for number in range(2 * PER_FILE):
        right = (
            f"2024-01-{chance.randint(1, 3):02} 10:00:0{number % 5} UTC,view,{chance.randint(1, 6)}"
            f",7,a.b,brand{number},1.50,{chance.randint(1, 4)},s{chance.randint(1, 2)}"
        )
        wrong = chance.choice(SPOILINGS)(right)
        kinds = [Line(right, right), Line(wrong, wrong), Line(wrong, right)]
        lines.append(chance.choices(kinds, weights=(60, 10, 30))[0])
    return lines


def dropped(folder: Path, lines: list[str]) -> Path:
    folder.mkdir()
    for number in range(2):
        part = lines[number * PER_FILE : (number + 1) * PER_FILE]
        (folder / f"part-{number}.csv").write_text("\n".join([HEADER, *part, ""]))
    return folder


def test_events_are_as_if_their_lines_had_come_right_in_the_first_place(
    prefect_api: None, tmp_path: Path
) -> None:
    from flows.run import run_pipeline

    def run(lake: Path, **options: object) -> tuple[int, int, int, int]:
        done = run_pipeline("clickstream", run_date=DAY, lake=str(lake), **options)
        return accounting(done.record)["silver.events_cleaned"]

    (tmp_path / "a").mkdir()
    lake, other, lines = tmp_path / "a" / "lake", tmp_path / "lake", events(seed=3)
    landed(lake, dropped(tmp_path / "came", [line.came for line in lines]), "clickstream")
    rejected = run(lake)[2]

    def fixes(row: Row) -> Row | None:
        place = int(row["source_line"]) - 2 + PER_FILE * (row["source_file"] == "part-1.csv")
        line = lines[place]
        if not line.is_corrected:
            return None
        return dict(zip(HEADER.split(","), line.corrected.split(","), strict=True))

    done = corrected("clickstream", "events_cleaned", lake, fixes)
    added = sum(line.is_corrected for line in lines)
    assert (done["corrected"], done["unchanged"]) == (added, rejected - added)
    after = run(lake)
    right = dropped(tmp_path / "corrected", [line.corrected for line in lines])
    landed(other, right, "clickstream")
    bronze, silver, quarantined, superseded = run(other)
    assert min(added, silver, quarantined, superseded) > 0
    assert after == (bronze + added, silver, quarantined, superseded + added)
    drops = (*PROVENANCE, "created_at", "ingestion_timestamp")
    whole = content(other, None, "clickstream", drop=drops)
    assert content_differences(whole, content(lake, None, "clickstream", drop=drops)) == []
    assert run(lake, full_refresh=True) == after
    assert content_differences(whole, content(lake, None, "clickstream", drop=drops)) == []
    with pytest.raises(CorrectionError, match="it never was, or it was accepted or corrected"):
        edited = tmp_path / "a" / "events_cleaned.csv"
        edited.write_text(edited.read_text() + "\n")
        medallion(lake, "quarantine", "clickstream", "events_cleaned", "replay", str(edited))
