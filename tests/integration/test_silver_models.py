"""Base silver as dbt tests it: the macros by their unit tests, a built sample by its data tests.

Belongs here: the YAML beside silver's and the dimensions' models. Does not: how a run composes its
builds and gates, or what silver's rows must be (the oracle's tests).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
import yaml
from pydantic import SecretStr

from blocks.settings import Settings
from tasks.bronze_inventory import take_inventory
from tasks.contracts.pii import Pii
from tasks.contracts.pii_checks import pii_problems
from tasks.dbt_runs import dbt_tables
from tasks.masking import hidden_by, masked
from tasks.pii_gates import bronze_policy_gates
from tasks.run_context import RunContext
from tasks.silver import SilverBuild, build_silver
from tasks.specs import load_spec
from tasks.sql_text import select_of
from tests.integration.dbt_invocation import DBT, GOOD, invoke, node_results

RUN_DATE = date(2024, 1, 6)
SPEC = load_spec("ecommerce")
TABLES = [table.name for table in SPEC.tables]
DIMENSIONS = [dimension.name for dimension in SPEC.dimensions]
MODELS = DBT / "models" / "ecommerce"
UNIT_TESTS = "path:models/ecommerce/silver,test_type:unit"
# Cautious: a reconciliation reads silver, too, but it is gold's test.
DATA_TESTS = (
    *("--indirect-selection", "cautious", "--select"),
    "path:models/ecommerce/silver,test_type:data",
    "path:models/ecommerce/dimensions,test_type:data",
)
TYPES: dict[str, pl.DataType] = {
    "varchar": pl.String(),
    "bigint": pl.Int64(),
    "double": pl.Float64(),
    "boolean": pl.Boolean(),
    "date": pl.Date(),
    "timestamp": pl.Datetime("us"),
    "decimal(18,2)": pl.Decimal(18, 2),
}

# dbt leaves its log file of an earlier run in this process to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")

Tables = dict[str, Any]


def documented(path: Path) -> dict[str, Any]:
    return {model["name"]: model for model in yaml.safe_load(path.read_text())["models"]}


def data_tests(model: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [test[kind] for test in model["data_tests"] if kind in test]


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Any:
    given = yaml.safe_dump({"run": {"tables": dbt_tables(SPEC)}})
    outcome = invoke("parse", "--vars", given, folder=tmp_path_factory.mktemp("parse"))
    assert outcome.success, outcome.exception
    return outcome.result


@pytest.fixture(scope="module")
def built(
    small_bronze: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[RunContext, SilverBuild]:
    """Silver and the snapshots of a dirty sample, built as a run builds them."""
    settings = Settings(lake_root=tmp_path_factory.mktemp("lake"), threads=2)
    moment = datetime(2024, 1, 6, tzinfo=UTC)
    run = RunContext(SPEC, "silver", RUN_DATE, moment, settings, settings.lake(small_bronze))
    inventory = {t.name: take_inventory(run.lake, SPEC, t, RUN_DATE) for t in SPEC.tables}
    return run, build_silver(run, inventory, TABLES, built={}, snapshots=DIMENSIONS)


@pytest.fixture(scope="module")
def queries(built: tuple[RunContext, SilverBuild]) -> dict[str, str]:
    """What reads each table that was built."""
    run, _ = built
    folders = {
        f"silver.{t}{q}": run.folder("silver", f"{t}{q}")
        for t in TABLES
        for q in ("", "_quarantine")
    }
    folders |= {f"dims.{name}": run.work_folder / "dims" / name for name in DIMENSIONS}
    return {
        name: select_of(sorted(str(file) for file in folder.rglob("*.parquet")))
        for name, folder in folders.items()
    }


@pytest.fixture
def failed(manifest: Any, queries: dict[str, str], tmp_path: Path) -> Callable[..., set[str]]:
    """Run all data tests, with some tables replaced; returns the names of those that failed."""

    def run(replaced: dict[str, str]) -> set[str]:
        variables = {
            "run_date": RUN_DATE.isoformat(),
            "tables": dbt_tables(SPEC),
            "inputs": {name: {"selects": [text]} for name, text in (queries | replaced).items()},
        }
        results = node_results(
            "test", *DATA_TESTS, run=variables, folder=tmp_path, manifest=manifest
        )
        assert len(results) == 3 * len(TABLES) + 11 + 2 * len(DIMENSIONS)
        assert {r.status for r in results.values()} <= {"pass", "fail"}
        return {name for name, result in results.items() if result.status == "fail"}

    return run


def unit_tests(manifest: Any, folder: Path, tables: Tables, select: str) -> dict[str, Any]:
    variables = {"tables": tables}
    return node_results("test", "--select", select, run=variables, folder=folder, manifest=manifest)


def test_unit_tests_of_the_models_pass(manifest: Any, tmp_path: Path) -> None:
    results = unit_tests(manifest, tmp_path, dbt_tables(SPEC), UNIT_TESTS)
    assert {name: str(r.message) for name, r in results.items() if r.status not in GOOD} == {}
    tested = {result.node.tested_node_unique_id.split(".")[-1] for result in results.values()}
    assert tested == {
        *(f"{t}_checked" for t in TABLES),
        "orders",
        "order_items",
        "orders_quarantine",
    }


@pytest.mark.parametrize(
    ("table", "entry", "value", "broken"),
    [
        ("orders", "rules", lambda rules: rules[:-1], "orders_rules_at_their_boundaries"),
        ("orders", "rules", lambda rules: rules[::-1], "orders_rules_at_their_boundaries"),
        ("order_items", "foreign_keys", lambda keys: keys[:1],
         "order_items_name_each_missing_parent"),
        ("cart_items", "business_date", lambda d: {**d, "of_parent": None},
         "cart_items_without_a_time_count_on_the_day_of_the_cart"),
        ("order_items", "key", lambda key: key[:1], "order_items_survive_by_order_and_product"),
    ],
    ids=["rule", "order of rules", "parent", "day", "key"],
)  # fmt: skip
def test_a_specification_that_says_otherwise_fails_the_unit_test(
    manifest: Any, tmp_path: Path, table: str, entry: str, value: Callable[..., Any], broken: str
) -> None:
    tables = copy.deepcopy(dbt_tables(SPEC))
    tables[table][entry] = value(tables[table][entry])
    results = unit_tests(manifest, tmp_path, tables, broken)
    assert {name: result.status for name, result in results.items()} == {broken: "fail"}


def test_without_the_specification_silver_has_no_unit_tests(tmp_path: Path) -> None:
    parsed = invoke("parse", folder=tmp_path)
    files = {test.original_file_path for test in parsed.result.unit_tests.values()}
    assert files
    assert not [file for file in files if "/silver/" in file]


@pytest.mark.parametrize("table", TABLES)
def test_each_key_and_parent_of_the_specification_is_tested(table: str) -> None:
    model = documented(MODELS / "silver" / f"{table}.yml")[table]
    specified = SPEC.table(table)
    (grain,) = data_tests(model, "grain")
    assert grain["arguments"]["columns"] == list(specified.key)
    tested = {
        test["arguments"]["column_name"]: (
            test["arguments"]["to"],
            test["arguments"]["field"],
            test.get("config", {}).get("where"),
        )
        for test in data_tests(model, "relationships")
    }
    assert tested == {
        key.column: (
            f"ref('{key.references}')",
            SPEC.table(key.references).key[0],
            " and ".join(f"not starts_with({key.column}, '{p}')" for p in key.exempt_prefixes)
            or None,
        )
        for key in specified.foreign_keys
    }


@pytest.mark.parametrize("table", TABLES)
def test_documented_columns_and_types_are_those_of_the_files(
    queries: dict[str, str], table: str
) -> None:
    model = documented(MODELS / "silver" / f"{table}.yml")[table]
    columns = {column["name"]: TYPES[column["data_type"]] for column in model["columns"]}
    found = duckdb.sql(queries[f"silver.{table}"]).pl().schema
    assert list(found.items()) == list(columns.items())


def test_every_model_is_described() -> None:
    described: dict[str, Any] = {}
    for path in [*MODELS.glob("silver/**/*.yml"), *MODELS.glob("dimensions/*.yml")]:
        described |= documented(path)
    models = [*MODELS.glob("silver/**/*.sql"), *MODELS.glob("dimensions/*.sql")]
    assert set(described) == {path.stem for path in models}
    assert all(model["description"].strip() for model in described.values())
    assert all(c["description"] for m in described.values() for c in m.get("columns", []))


def test_a_build_of_silver_runs_no_test(built: tuple[RunContext, SilverBuild]) -> None:
    _, made = built
    built_models = {node.name for node in made.nodes if node.kind == "model"}
    assert len(built_models) == 3 * len(TABLES) + len(DIMENSIONS)
    assert {node.kind for node in made.nodes} == {"model", "operation"}
    assert sum(counts.quarantined for counts in made.counts.values()) > 0


def test_what_a_run_builds_from_dirt_passes_every_data_test(
    failed: Callable[..., set[str]],
) -> None:
    assert failed({}) == set()


def altered(query: str, key: str, column: str, value: str) -> str:
    """The rows of `query`, with another value in the row of the least key."""
    least = f"(select min({key}) from ({query}))"
    return f"""
        select * replace (case when {key} = {least} then {value} else {column} end as {column})
        from ({query})
    """


@pytest.mark.parametrize(
    ("table", "key", "column", "value", "broken"),
    [
        ("order_items", "order_id", "order_id", "null", "order_items_has_its_grain"),
        ("orders", "order_id", "customer_id", "'nobody'", "orders_customer_id_has_its_customer"),
        ("orders", "order_id", "net_total", "gross_total + 0.01", "orders_is_consistent"),
        ("orders", "order_id", "order_dt", "date '2024-01-07'", "orders_is_consistent"),
        ("customers", "customer_id", "email", "'Ann@shop.example'", "customers_is_consistent"),
        ("product_catalog", "product_id", "unit_price", "cost_price - 0.01",
         "product_catalog_is_consistent"),
        ("order_items", "order_id", "product_id", "-product_id",
         "order_items_product_id_has_its_product"),
        ("shopping_carts", "cart_id", "updated_at", "created_at - interval 1 microsecond",
         "shopping_carts_is_consistent"),
        ("returns", "return_id", "refunded_amount", "-0.01", "returns_is_consistent"),
        ("return_items", "return_item_id", "return_id", "'nobody'",
         "return_items_return_id_has_its_return"),
        ("orders_quarantine", "event_id", "quarantine_reasons", "[]",
         "orders_quarantine_says_why"),
    ],
)  # fmt: skip
def test_a_planted_defect_fails_the_test_that_is_named_for_it(
    failed: Callable[..., set[str]],
    queries: dict[str, str],
    table: str,
    key: str,
    column: str,
    value: str,
    broken: str,
) -> None:
    name = f"silver.{table}"
    found = failed({name: altered(queries[name], key, column, value)})
    assert found == {broken}


def test_a_key_that_stands_twice_fails_the_grain(
    failed: Callable[..., set[str]], queries: dict[str, str]
) -> None:
    carts, customers = queries["silver.cart_items"], queries["dims.customers"]
    twice = "({0}) union all (select * from ({0}) limit 1)"
    found = failed(
        {"silver.cart_items": twice.format(carts), "dims.customers": twice.format(customers)}
    )
    assert found == {"cart_items_has_its_grain", "customers_snapshot_has_its_grain"}


def test_a_new_guest_and_another_days_snapshot(
    failed: Callable[..., set[str]], queries: dict[str, str]
) -> None:
    """Guests need no customer; a snapshot is of the day of its run."""
    orders, products = queries["silver.orders"], queries["dims.product_catalog"]
    day = altered(products, "product_id", "snapshot_dt", "date '2024-01-05'")
    found = failed(
        {
            "silver.orders": altered(orders, "order_id", "customer_id", "'GUEST-new'"),
            "dims.product_catalog": day,
        }
    )
    assert found == {"product_catalog_snapshot_is_of_one_day"}


ORDER_IDS = ("orders", "order_items", "returns", "return_items")
HIDDEN = [
    {"table": "customers", "column": "email", "kind": "email", "silver": "mask"},
    {"table": "customers", "column": "phone_number", "kind": "phone", "silver": "drop"},
    {"table": "customers", "column": "last_name", "kind": "name", "bronze": "mask"},
    *({"table": name, "column": "order_id", "silver": "mask"} for name in ORDER_IDS),
]


def test_a_policy_of_silver_hides_values_and_nothing_else(
    built: tuple[RunContext, SilverBuild], queries: dict[str, str]
) -> None:
    run, clear = built
    spec = SPEC.model_copy(update={"pii": tuple(Pii.model_validate(entry) for entry in HIDDEN)})
    assert list(pii_problems(spec)) == []
    run = replace(run, spec=spec, run_id="hidden", mask_key=SecretStr("key"))
    inventory = {t.name: take_inventory(run.lake, spec, t, RUN_DATE) for t in spec.tables}
    made = build_silver(run, inventory, TABLES, built={}, snapshots=DIMENSIONS)
    assert made.counts == clear.counts
    (told,) = bronze_policy_gates(spec, inventory["customers"], run.masked_by, "warn")
    assert (told.check, told.status) == ("bronze_policy", "warn")
    assert "last_name: mask, or another team wrote them" in told.message
    policies = {t: hidden_by(spec, t, "silver") for t in TABLES}
    policies["customers"]["last_name"] = "mask"  # of files that landed without
    for name in TABLES:
        for table in (name, spec.table(name).quarantine_name):
            folder = run.folder("silver", table)
            now = select_of(sorted(str(file) for file in folder.rglob("*.parquet")))
            found = duckdb.sql(now)
            before = duckdb.sql(queries[f"silver.{table}"])
            assert (found.columns, found.types) == (before.columns, before.types)
            told_rows = [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]
            rows = [dict(zip(before.columns, row, strict=True)) for row in before.fetchall()]
            for row in rows:
                for column, policy in policies[name].items():
                    value = silver_text(row[column], folded=column == "email")
                    row[column] = masked(value, b"key") if policy == "mask" else None
                if policies[name] and (row["event_id"] or "").startswith("evt_"):
                    row["event_id"] = masked(row["event_id"], b"key")
            for row in (*rows, *told_rows):
                row.pop("run_id", None)
            assert sorted(map(repr, told_rows)) == sorted(map(repr, rows)), table
    (snapshot,) = (run.work_folder / "dims" / "customers").glob("*.parquet")
    shown = duckdb.sql(f"select email, phone_number from '{snapshot}'").fetchall()
    assert all(len(email or "0" * 64) == 64 and phone is None for email, phone in shown)


def silver_text(value: str | None, *, folded: bool) -> str | None:
    """A received text as silver has it."""
    text = (value or "").strip(" \t\r\n")
    if text.lower() in ("", "none", "null", "n/a", "nan"):
        return None
    return text.lower() if folded else text
