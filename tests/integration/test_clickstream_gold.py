"""Gold of the clickstream as dbt builds it on DuckDB, in full and on the release before.

Belongs here: the models, their data tests and reconciliations, against the reference's figures and
against each other. Does not: how a run finds the changed days, or what silver's rows must be.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from tasks.contracts.errors import BuildError
from tasks.dbt_runs import DbtEngine, DbtInputs, DbtNode, build
from tasks.specs import load_spec
from tasks.sql_text import select_of
from tests.integration.dbt_invocation import DBT, GOOD, invoke, node_results
from tests.integration.random_events import FIRST_DAY, SCHEMA, Row, Shop, write, write_days
from tests.oracle import differences
from tests.oracle.clickstream_gold import GOLD, gold_tables

SPEC = load_spec("clickstream")
MODELS = DBT / "models" / "clickstream"
TABLES = [fact.name for fact in SPEC.gold]
HELPERS = {
    "new_events",
    "new_pairs",
    "product_counts",
    "recomputed_dates",
    "session_steps",
    "user_products",
}
RECONCILIATIONS = {"clickstream_revenue_agrees", "clickstream_events_agree"}
SELECTED = ("path:models/clickstream/gold", "path:tests/reconciliation/clickstream")
TYPES: dict[str, pl.DataType] = {
    "varchar": pl.String(),
    "bigint": pl.Int64(),
    "double": pl.Float64(),
    "date": pl.Date(),
    "timestamp": pl.Datetime("us"),
    "decimal(18,2)": pl.Decimal(18, 2),
}

# dbt leaves its log file of an earlier run in this process to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")


@dataclass
class Release:
    """What a run left: silver's files by day, and gold's tables in folders of their own."""

    folder: Path
    silver: dict[date, list[Path]]
    as_of: date | None = None
    nodes: list[DbtNode] = field(default_factory=list)

    def read(self, table: str) -> pl.DataFrame:
        return pl.read_parquet(self.folder / table / "*.parquet")


class Runs:
    """Gold builds of one engine; each has a folder of its own."""

    def __init__(self, cache: Path, folder: Path) -> None:
        self.cache, self.folder, self.count = cache, folder, 0

    def run(
        self,
        rows: Iterable[Row],
        *,
        as_of: date | None = None,
        base: Release | None = None,
        changed: Collection[date] = (),
        data_tests: bool = True,
    ) -> Release:
        """Build gold, on `base` if given, from whose silver these events differ on `changed`."""
        self.count += 1
        folder = self.folder / str(self.count)
        folder.mkdir()
        made = Release(folder, write_days(rows, folder / "silver"), as_of)
        selects = {"silver.events_cleaned": self._events(made.silver.values())}
        more: dict[str, Any] = {"as_of": as_of.isoformat() if as_of else None, "base": None}
        if base is not None:
            more["base"] = {"dates": [day.isoformat() for day in sorted(changed)]}
            selects["previous.events_cleaned"] = self._events(base.silver.values())
            selects |= self._difference(made, base, changed)
            for table in TABLES:
                files = sorted((base.folder / table).glob("*.parquet"))
                selects[f"previous.{table}"] = [select_of(map(str, files))]
        made.nodes = build(
            DbtEngine(self.cache, folder / "work", threads=2, memory_limit="1GB"),
            SPEC,
            DbtInputs(selects, {f"gold.{t}": folder / t for t in TABLES}, more=more),
            run_id="test",
            run_date=date(2019, 12, 31),
            select=SELECTED,
            data_tests=data_tests,
        )
        return made

    def _difference(
        self, made: Release, base: Release, changed: Collection[date]
    ) -> dict[str, list[str]]:
        """As silver leaves it: new events are appended to a day, others rewrite it."""
        later = base.as_of or date.max
        removed = []
        added = [paths for day, paths in made.silver.items() if day > later]
        for day in (day for day in changed if day <= later):
            before, now = rows_of(base.silver.get(day, ())), rows_of(made.silver.get(day, ()))
            appended = [row for row in now if row not in before]
            if len(now) - len(appended) == len(before):
                write(appended, made.folder / f"{day}.parquet")
                added.append([made.folder / f"{day}.parquet"])
            else:
                added.append(made.silver.get(day, []))
                removed.append(base.silver.get(day, []))
        return {
            "added.events_cleaned": self._events(added),
            "removed.events_cleaned": self._events(removed),
        }

    def _events(self, days: Iterable[list[Path]]) -> list[str]:
        files = [str(file) for day in days for file in day]
        if files:
            return [select_of(files)]
        empty = self.folder / "no_events.parquet"
        write([], empty)
        return [select_of([str(empty)])]


def rows_of(files: Iterable[Path]) -> list[Row]:
    return [row for file in files for row in pl.read_parquet(file).to_dicts()]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("parsed")


@pytest.fixture
def runs(cache: Path, tmp_path: Path) -> Runs:
    return Runs(cache, tmp_path)


@pytest.fixture(scope="module")
def empty(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Release:
    return Runs(cache, tmp_path_factory.mktemp("empty")).run([])


def agrees_with_the_reference(release: Release, rows: Iterable[Row], as_of: date | None) -> None:
    for name, expected in gold_tables(rows, as_of).items():
        frame = release.read(name.removeprefix("gold."))
        assert differences(expected, frame.columns, frame.rows()) == [], name


def is_equal(one: Release, other: Release) -> None:
    """Each table, also those that are not shown, has the very same rows, to the last bit."""
    for table in TABLES:
        left, right = one.read(table), other.read(table)
        assert left.schema == right.schema, table
        assert left.height == right.height, table
        columns = left.columns
        assert left.sort(columns).equals(right.sort(columns)), table


def day(number: int) -> date:
    return FIRST_DAY + timedelta(days=number)


def test_the_shown_tables_are_those_of_the_contract() -> None:
    assert [fact.name for fact in SPEC.gold if not fact.internal] == list(GOLD)
    models = {path.stem for path in (MODELS / "gold").glob("*.sql")}
    assert models == {*TABLES, *HELPERS}


def test_all_models_and_data_tests_run_and_agree_with_the_reference(runs: Runs) -> None:
    shop = Shop(1, users=60, products=25)
    shop.add(900, [*range(20), 23, 60])
    # An as-of date before the last events: those of day 60 count nowhere.
    release = runs.run(shop.rows(), as_of=day(50))
    agrees_with_the_reference(release, shop.rows(), day(50))
    segments = release.read("customer_metrics")
    assert segments["churn_risk"].n_unique() > 1
    assert release.read("product_performance")["performance_tier"].n_unique() == 4
    assert release.read("daily_sales_summary").height == 51
    shown = {fact.name for fact in SPEC.gold if not fact.internal}
    tests = {f"{table}_has_its_grain" for table in TABLES}
    tests |= {f"{table}_is_consistent" for table in shown}
    ran = {node.name for node in release.nodes if node.kind != "operation"}
    assert ran == {*TABLES, *HELPERS, *tests, *RECONCILIATIONS}


@pytest.mark.parametrize("table", TABLES)
def test_documented_columns_are_those_of_the_files(empty: Release, table: str) -> None:
    (model,) = yaml.safe_load((MODELS / "gold" / f"{table}.yml").read_text())["models"]
    documented = {column["name"]: TYPES[column["data_type"]] for column in model["columns"]}
    assert list(empty.read(table).schema.items()) == list(documented.items())
    assert empty.read(table).height == 0
    assert model["description"].strip()
    assert all(column["description"] for column in model["columns"])


def test_documented_sources_are_the_tables_that_they_stand_for() -> None:
    (silver,) = sources("_silver_sources.yml")
    assert silver["events_cleaned"] == SCHEMA
    previous, added, removed = sources("_previous_sources.yml")
    assert added == removed == {"events_cleaned": SCHEMA}
    assert previous["events_cleaned"] == SCHEMA
    for table, columns in previous.items():
        if table in added:
            continue
        (model,) = yaml.safe_load((MODELS / "gold" / f"{table}.yml").read_text())["models"]
        assert columns == {c["name"]: TYPES[c["data_type"]] for c in model["columns"]}, table


def sources(file: str) -> list[Mapping[str, Mapping[str, pl.DataType]]]:
    return [
        {
            table["name"]: {c["name"]: TYPES[c["data_type"]] for c in table["columns"]}
            for table in source["tables"]
        }
        for source in yaml.safe_load((MODELS / file).read_text())["sources"]
    ]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_building_on_a_release_gives_what_a_full_run_gives(runs: Runs, seed: int) -> None:
    """Late and corrected events, further days, an as-of date that moves, three releases long."""
    shop = Shop(seed)
    shop.add(90, [*range(2, 9), 12, 13])
    release = runs.run(shop.rows(), as_of=day(8), data_tests=False)
    # Changes before and after the first event, and on both sides of both as-of dates.
    changed = shop.add(25, [0, 3, 4, 10, 11]) | shop.alter(12, [5, 8, 12])
    release = runs.run(shop.rows(), as_of=day(11), base=release, changed=changed)
    agrees_with_the_reference(release, shop.rows(), day(11))
    is_equal(release, runs.run(shop.rows(), as_of=day(11), data_tests=False))
    # Days 12 and 13 count as the as-of date has reached them, changed or not; day 5 is the same.
    changed = shop.alter(8, [3, 12]) | shop.add(4, [16]) | {day(5)}
    release = runs.run(shop.rows(), as_of=day(14), base=release, changed=changed)
    agrees_with_the_reference(release, shop.rows(), day(14))
    is_equal(release, runs.run(shop.rows(), as_of=day(14), data_tests=False))


def test_without_an_as_of_date_the_last_event_is_the_end(runs: Runs) -> None:
    shop = Shop(7)
    shop.add(60, range(6))
    release = runs.run(shop.rows(), data_tests=False)
    changed = shop.add(10, [2, 9])
    release = runs.run(shop.rows(), base=release, changed=changed)
    agrees_with_the_reference(release, shop.rows(), None)
    is_equal(release, runs.run(shop.rows(), data_tests=False))


def test_when_nothing_has_changed_only_time_passes(runs: Runs) -> None:
    shop = Shop(8)
    shop.add(60, range(6))
    first = runs.run(shop.rows(), as_of=day(5))
    is_equal(first, runs.run(shop.rows(), as_of=day(5), base=first))
    later = runs.run(shop.rows(), as_of=day(30), base=first)
    agrees_with_the_reference(later, shop.rows(), day(30))


def test_a_release_that_had_counted_nothing_is_built_on(runs: Runs) -> None:
    shop = Shop(9)
    shop.add(30, [4, 5])
    before = runs.run(shop.rows(), as_of=day(3))
    assert all(before.read(table).height == 0 for table in TABLES)
    after = runs.run(shop.rows(), as_of=day(5), base=before)
    agrees_with_the_reference(after, shop.rows(), day(5))


@pytest.mark.parametrize(
    ("table", "column", "delta", "broken"),
    [
        ("customer_activity", "total_revenue", Decimal("0.01"), "clickstream_revenue_agrees"),
        ("conversion_funnel", "total_revenue", Decimal("0.01"), "clickstream_revenue_agrees"),
        ("product_activity", "total_events", 1, "clickstream_events_agree"),
        ("daily_sales_summary", "total_events", 1, "clickstream_events_agree"),
    ],
)
def test_a_cent_or_an_event_too_many_fails_a_reconciliation(
    runs: Runs, table: str, column: str, delta: Decimal | int, broken: str
) -> None:
    shop = Shop(10)
    shop.add(40, range(3))
    release = runs.run(shop.rows(), as_of=day(3), data_tests=False)
    (file,) = (release.folder / table).glob("*.parquet")
    frame = release.read(table)
    row = next(i for i, amount in enumerate(frame[column]) if amount)
    values = [amount + delta * (i == row) for i, amount in enumerate(frame[column])]
    frame.with_columns(pl.Series(column, values, frame.schema[column])).write_parquet(file)
    with pytest.raises(BuildError, match=broken):
        runs.run(shop.rows(), as_of=day(3), base=release)


def test_unit_tests_of_the_models_pass(tmp_path: Path) -> None:
    parsed = invoke("parse", folder=tmp_path)
    assert parsed.success, parsed.exception
    select = ("--select", "path:models/clickstream/gold,test_type:unit")
    results = node_results("test", *select, run={}, folder=tmp_path, manifest=parsed.result)
    assert len(results) == 28
    assert {name: str(r.message) for name, r in results.items() if r.status not in GOOD} == {}
    tested = {result.node.tested_node_unique_id.split(".")[-1] for result in results.values()}
    assert tested == {*TABLES, *HELPERS}
