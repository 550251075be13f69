"""A whole retail run publishes exactly the rows that an independent reading of it gives."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner

from cli.app import app
from tasks.sample_data.retail import COLUMNS, write_retail
from tests.conftest import SHARED
from tests.integration.published import files_of, release_document
from tests.oracle import differences
from tests.oracle.retail import Delivery, olist_files, own_files, retail_outputs
from tests.oracle.table import Table
from tests.warehouse.moved_gold import gold_moved_to_bigquery

RUN_DATE = date(2024, 1, 18)
KEY = "open sesame"
FAULTS = 13  # distinct reasons that the sample's dirt has to give


@pytest.fixture(scope="module")
def run_retail(prefect_api: None) -> Iterable[Callable[..., Any]]:
    """Land `source` if there is one, run for a day, and return the outcome."""
    from flows.run import run_pipeline

    def run(lake: Path, run_date: date, source: Path | None = None, **options: Any) -> Any:
        given = {"source": str(source)} if source is not None else {}
        return run_pipeline(
            "retail", run_date=run_date, lake=str(lake), gates="warn", **given, **options
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDALLION_MASK_KEY", KEY)
        yield run


@pytest.fixture(scope="module")
def dirty_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small shop with every kind of fault; its last two days lie after RUN_DATE."""
    folder = tmp_path_factory.mktemp("retail") / "files"
    write_retail(folder, orders=400, days=20, seed=3, dirt=0.25)
    return folder


@pytest.fixture(scope="module")
def dirty_run(
    run_retail: Callable[..., Any], dirty_files: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Any]:
    """A lake whose only release is the run of `dirty_files`, and its outcome; read it only."""
    lake = tmp_path_factory.mktemp("retail") / "lake"
    return lake, run_retail(lake, RUN_DATE, dirty_files)


@pytest.fixture
def dirty_lake(dirty_run: tuple[Path, Any], tmp_path: Path) -> Path:
    """A copy of the lake of `dirty_run` to run in."""
    return shutil.copytree(dirty_run[0], tmp_path / "lake")


def done(*arguments: str) -> str:
    """What a command prints."""
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def medallion(*arguments: str) -> Any:
    """What a command answers with `--json`."""
    return json.loads(done(*arguments, "--json"))


def found_in(tables: dict[str, Any], name: str, columns: list[str]) -> tuple[list[str], list[Any]]:
    """Rows of a table as a stranger reads them: by its files, or by the SQL of its view."""
    told = tables[name]
    files = [file["path"] for file in told["files"]]
    sql = told["view"]["sql"] if "view" in told else f"from read_parquet({files})"
    rows = duckdb.sql(sql)
    if name.endswith("_quarantine"):
        rows = rows.project(", ".join(columns))
    return rows.columns, rows.fetchall()


def problems(lake: Path, expected: dict[str, Table]) -> list[str]:
    """How what is published differs from what is expected."""
    tables = medallion("tables", "retail", "--lake", str(lake))["tables"]
    lines = []
    for name, table in expected.items():
        columns, rows = found_in(tables, name, table.columns)
        assert tables[name]["rows"] == len(rows)
        lines += [f"{name}: {line}" for line in differences(table, columns, rows, limit=3)]
    return lines


def assert_equals_contract(
    lake: Path, outcome: Any, deliveries: list[Delivery], run_date: date
) -> None:
    expected = retail_outputs(deliveries, run_date, KEY.encode())
    counts = {row.pop("table"): row for row in expected.pop("accounting").dicts()}
    assert problems(lake, expected) == []
    for entry in outcome.record.tables:
        if entry.layer == "silver":
            wanted = counts[entry.table.removeprefix("silver.")]
            found = (entry.rows_in, entry.rows_out, entry.quarantined, entry.superseded)
            assert found == tuple(wanted.values()), entry.table
            assert found[0] == sum(found[1:])


def write_files(folder: Path, delivery: Delivery) -> Path:
    folder.mkdir()
    for name, rows in delivery.items():
        with (folder / f"{name}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS[name])
            writer.writeheader()
            writer.writerows(rows)
    return folder


@pytest.mark.slow
def test_a_dirty_sample_gives_the_rows_of_the_contract(
    dirty_run: tuple[Path, Any], dirty_files: Path
) -> None:
    lake, outcome = dirty_run
    assert_equals_contract(lake, outcome, [own_files(dirty_files)], RUN_DATE)
    reasons = {name for counts in outcome.record.quarantine_reasons.values() for name in counts}
    assert len(reasons) >= FAULTS
    shown = release_document(lake, pipeline="retail")["tables"]
    assert {name for name in shown if "stg_" in name and shown[name]["files"]} == set()
    assert KEY.encode() not in b"".join(
        path.read_bytes() for path in lake.rglob("*") if path.is_file() and path.suffix != ".db"
    )


@pytest.mark.slow
def test_the_warehouse_gives_the_same_gold_and_gets_masks_only(dirty_lake: Path) -> None:
    sql = "select name, email from silver.stg_customers"
    silver = medallion("query", "retail", sql, "--lake", str(dirty_lake))
    people = {text for row in silver["rows"] for text in row if text}
    assert len(people) > 100
    with gold_moved_to_bigquery("retail", dirty_lake) as moved:
        assert moved.disagreeing() == []
        assert len(moved.native["gold.customer_orders"]) > 100
        there = {
            str(value)
            for schema, table in moved.server.rows(
                "select schema_name, table_name from duckdb_tables()"
            )
            for row in moved.server.rows(f'from "{schema}"."{table}"')
            for value in row
        }
        assert people & there == set()
        said = json.dumps(moved.server.jobs)
        assert [text for text in (KEY, *people) if text in said] == []


@pytest.mark.slow
def test_queries_see_views_and_what_was_rejected(dirty_run: tuple[Path, Any]) -> None:
    lake = str(dirty_run[0])
    tables = medallion("tables", "retail", "--lake", lake, "--hashes")["tables"]
    sql = (
        "select (select count(*) from silver.stg_orders) as orders,"
        " (select count(*) from silver.stg_order_items i join silver.stg_orders o using (order_id))"
        " as items, (select count(*) from bronze.raw_orders) as received"
    )
    (row,) = medallion("query", "retail", sql, "--lake", lake)["rows"]
    assert row == [
        tables["silver.stg_orders"]["rows"],
        tables["silver.stg_order_items"]["rows"],
        tables["bronze.raw_orders"]["rows"],
    ]
    assert len({table["content_hash"] for table in tables.values()}) == len(tables)
    told = medallion("quarantine", "retail", "raw_orders", "--lake", lake)
    assert told["table"] == "silver.stg_orders"
    named = [dict(zip(told["columns"], rejected, strict=True)) for rejected in told["rows"]]
    broken = [row for row in named if row["quarantine_reasons"] == ["invalid_total_amount"]]
    assert all("total_amount: " in row["model_message"] for row in broken)
    assert broken


@pytest.mark.slow
def test_a_run_on_unchanged_input_carries_everything_over(
    run_retail: Callable[..., Any], dirty_lake: Path, dirty_files: Path
) -> None:
    before = release_document(dirty_lake, pipeline="retail")
    again = run_retail(dirty_lake, RUN_DATE, dirty_files)
    after = release_document(dirty_lake, pipeline="retail")
    assert (after["release"], again.record.built_on) == (2, 1)
    assert after["tables"] == before["tables"]
    for entry in again.record.tables:
        assert entry.rows_carried == entry.rows_out, entry.table


@pytest.mark.slow
def test_what_comes_later_corrects_and_completes(
    run_retail: Callable[..., Any], dirty_lake: Path, dirty_files: Path, tmp_path: Path
) -> None:
    """A later copy wins, a newer invalid one does not, and an orphan's parent arrives.

    Products have nothing new and stay as they were released.
    """
    first = own_files(dirty_files)
    orders = [row for row in first["raw_orders"] if row["order_id"]]
    copies = [{**row, "status": "failed", "total_amount": "1"} for row in orders[:20]]
    copies += [{**row, "total_amount": "-1"} for row in orders[20:40]]
    second: Delivery = {
        "raw_customers": [
            {**dict.fromkeys(COLUMNS["raw_customers"]), "customer_id": "C-nobody", "name": "Found"}
        ],
        "raw_orders": copies,
    }
    more = write_files(tmp_path / "more", second)
    outcome = run_retail(dirty_lake, RUN_DATE, more)
    assert outcome.record.built_on == 1
    assert_equals_contract(dirty_lake, outcome, [first, second], RUN_DATE)
    kept = {e.table: e.rows_carried == e.rows_out for e in outcome.record.tables}
    assert kept["silver.stg_products"]
    assert not kept["silver.stg_orders"]
    before = silver_counts(outcome)["silver.stg_products"]
    correct_a_price(dirty_lake, tmp_path / "prices.csv")
    after = silver_counts(run_retail(dirty_lake, RUN_DATE))["silver.stg_products"]
    assert after == (before[0] + 1, before[1] + 1, before[2] - 1, before[3] + 1)


def silver_counts(outcome: Any) -> dict[str, tuple[int, ...]]:
    return {
        entry.table: (entry.rows_in, entry.rows_out, entry.quarantined, entry.superseded)
        for entry in outcome.record.tables
        if entry.layer == "silver"
    }


def correct_a_price(lake: Path, path: Path) -> None:
    """Put a price right that was none, of a product that has no other row."""
    call = ("quarantine", "retail", "raw_products")
    done(*call, "export", str(path), "--reason", "invalid_price", "--lake", str(lake))
    known = "select product_id from silver.stg_products"
    rows = medallion("query", "retail", known, "--lake", str(lake))["rows"]
    with path.open(newline="") as file:
        found = list(csv.DictReader(file))
    row = next(row for row in found if [row["product_id"]] not in rows)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        writer.writeheader()
        writer.writerow({**row, "price": "1.00"})
    done(*call, "replay", str(path), "--by", "a test", "--lake", str(lake))


@pytest.mark.slow
def test_the_files_of_olist_run_as_they_are(run_retail: Callable[..., Any], tmp_path: Path) -> None:
    source = SHARED / "retail"
    if not source.is_dir():
        pytest.skip("the real data is not beside the project")
    day = date(2018, 3, 1)
    outcome = run_retail(tmp_path / "lake", day, source)
    assert outcome.record.drift == ()
    assert_equals_contract(tmp_path / "lake", outcome, [olist_files(source)], day)
    release = release_document(tmp_path / "lake", pipeline="retail")
    for table in release["tables"].values():
        assert all(Path(path).is_file() for path in files_of(tmp_path / "lake", table))
