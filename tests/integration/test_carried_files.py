"""Files that a release carries over stay part of a table that dbt builds.

Belongs here: the materialization `published` with files of earlier runs. Does not belong here:
which files are carried over.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.integration.dbt_invocation import GOOD, invoke, node_results

FACT = "fct_product_profitability"
DAYS = [dt.date(2024, 1, 13), dt.date(2024, 1, 14)]

# dbt leaves its log file of an earlier run in this process to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Any:
    outcome = invoke("parse", folder=tmp_path_factory.mktemp("parse"))
    assert outcome.success, outcome.exception
    return outcome.result


def performance(path: Path) -> str:
    """A product's two days, with the columns that the fact reads; returns the query for them."""
    money = ["gross_revenue", "discount_total", "refunded_amount", "net_revenue", "cost_of_goods"]
    money += ["gross_profit", "net_margin"]
    amount = pl.lit("0.00").cast(pl.Decimal(18, 2))
    pl.DataFrame({"product_id": [1, 1], "product_dt": DAYS}).with_columns(
        pl.lit("Lamp").alias("product_name"),
        pl.lit("home").alias("category"),
        *(pl.lit(0).cast(pl.Int64).alias(f"units_{of}") for of in ("sold", "returned", "in_carts")),
        *(amount.alias(name) for name in money),
        *(
            pl.lit(None, pl.Float64).alias(f"{of}_rate")
            for of in ("return", "cart_to_order", "margin")
        ),
    ).write_parquet(path)
    return f"select * from read_parquet('{path}')"


class Build:
    def __init__(self, manifest: Any, folder: Path) -> None:
        self.manifest, self.folder = manifest, folder

    def files(self, name: str, **more: Any) -> list[str]:
        """Build the fact into a folder of its own, and run its data tests."""
        output = self.folder / name
        output.mkdir()
        rows = performance(self.folder / "performance.parquet")
        run = {
            "run_date": "2024-01-14",
            "inputs": {"enriched.product_performance": {"selects": [rows]}},
            "outputs": {f"gold.{FACT}": str(output)},
            **{kind: {f"gold.{FACT}": value} for kind, value in more.items()},
        }
        results = node_results(
            "build", "--select", FACT, "--exclude-resource-type", "unit_test",
            "--indirect-selection", "cautious",
            run=run, folder=self.folder, manifest=self.manifest,
        )  # fmt: skip
        assert len(results) > 1
        self.failed = {n: str(r.message) for n, r in results.items() if r.status not in GOOD}
        return sorted(str(path) for path in output.rglob("*.parquet"))


@pytest.fixture
def build(manifest: Any, tmp_path: Path) -> Build:
    return Build(manifest, tmp_path)


def days(files: list[str]) -> list[dt.date]:
    return sorted(pl.concat(pl.read_parquet(file) for file in files)["product_dt"])


def only(day: dt.date) -> str:
    return f"product_dt in (date '{day}')"


def test_only_the_days_asked_for_are_written(build: Build) -> None:
    files = build.files("one", only_rows=only(DAYS[1]))
    assert days(files) == DAYS[1:]
    assert build.failed == {}


def test_data_tests_see_new_files_and_carried_ones(build: Build) -> None:
    first = build.files(
        "first", only_rows=only(DAYS[0]), partitions="strftime(product_dt, '%Y-%m-%d')"
    )
    second = build.files("second", only_rows=only(DAYS[1]), carried=first)
    assert days(second) == DAYS[1:]
    assert build.failed == {}
    build.files("third", only_rows=only(DAYS[0]), carried=first)
    assert set(build.failed) == {f"{FACT}_has_its_grain"}


@pytest.mark.parametrize("partition", [None, "strftime(product_dt, '%Y-%m-%d')"])
def test_a_table_that_is_carried_over_as_a_whole_gets_no_file(
    build: Build, partition: str | None
) -> None:
    first = build.files("first")
    cut = {"partitions": partition} if partition else {}
    assert build.files("second", only_rows="false", carried=first, **cut) == []
    assert build.failed == {}


def test_a_table_without_rows_and_carried_files_gets_an_empty_file(build: Build) -> None:
    (file,) = build.files("none", only_rows="false", partitions="strftime(product_dt, '%Y-%m-%d')")
    assert file.endswith("/part-0.parquet")
    assert days([file]) == []
