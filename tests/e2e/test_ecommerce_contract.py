"""A whole run publishes exactly the rows that an independent reading of the contract gives."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from tests.integration.published import release_document, rows_of
from tests.oracle import differences
from tests.oracle import run as expected_tables

pytestmark = pytest.mark.slow

SILVER = {
    "customers",
    "product_catalog",
    "orders",
    "order_items",
    "shopping_carts",
    "cart_items",
    "returns",
    "return_items",
}


def assert_equals_contract(lake: Path, bronze: Path, run_date: date) -> None:
    expected = expected_tables(bronze, run_date)
    accounting = expected.pop("accounting")
    published = release_document(lake)["tables"]
    assert set(published) == set(expected)
    problems = []
    for name, table in expected.items():
        columns, rows = rows_of(lake, name, drop=("run_id",))
        problems += [f"{name}: {line}" for line in differences(table, columns, rows, limit=3)]
    assert problems == []
    for entry in accounting.dicts():
        name = entry["table"]
        assert published[f"silver.{name}"]["rows"] == entry["rows"]
        assert published[f"silver.{name}_quarantine"]["rows"] == entry["quarantined"]
        assert entry["bronze"] == entry["rows"] + entry["quarantined"] + entry["superseded"]


@pytest.mark.parametrize("run_date", [date(2024, 1, 14), date(2024, 1, 9)])
def test_real_bronze_gives_the_contracts_rows(
    run_flow: Callable, real_bronze: Path, tmp_path: Path, run_date: date
) -> None:
    outcome = run_flow(tmp_path / "lake", run_date, bronze=real_bronze)
    assert outcome.record.status == "published"
    assert_equals_contract(tmp_path / "lake", real_bronze, run_date)


@pytest.mark.parametrize("run_date", [date(2024, 1, 12), date(2024, 1, 7)])
def test_dirty_sample_gives_the_contracts_rows(
    run_flow: Callable, sample_bronze: Path, tmp_path: Path, run_date: date
) -> None:
    outcome = run_flow(tmp_path / "lake", run_date, bronze=sample_bronze)
    assert_equals_contract(tmp_path / "lake", sample_bronze, run_date)
    names = {table.table for table in outcome.record.tables if table.layer == "silver"}
    assert names == {f"silver.{name}" for name in SILVER}
    assert all(
        table.rows_in == table.rows_out + table.quarantined + table.superseded
        for table in outcome.record.tables
        if table.layer == "silver"
    )
    assert sum(table.superseded or 0 for table in outcome.record.tables) > 0
