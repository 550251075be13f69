"""The gold facts as dbt builds them on DuckDB from Parquet files, against the oracle's figures.

Belongs here: the models of the gold layer, their data tests, their reconciliations and their unit
tests, run in this process. Does not: how a run hands its files to dbt, or any other layer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from tasks.lineage import lineage
from tasks.specs import load_spec
from tests.integration.dbt_invocation import DBT, GOOD, invoke, node_results
from tests.oracle import Table, differences, run_rows
from tests.oracle.outputs import GOLD
from tests.oracle.sample_rows import raw, shop

MODELS = DBT / "models" / "ecommerce"
RUN_DATE = date(2024, 1, 14)
GOLD_NODES = [
    "--select",
    "path:models/ecommerce/gold",
    "path:tests/reconciliation/ecommerce",
    "--exclude-resource-type",
    "unit_test",
]
RECONCILIATIONS = {
    path.stem for path in (DBT / "tests" / "reconciliation" / "ecommerce").glob("*.sql")
}

TYPES: dict[str, pl.DataType] = {
    "varchar": pl.String(),
    "bigint": pl.Int64(),
    "double": pl.Float64(),
    "boolean": pl.Boolean(),
    "date": pl.Date(),
    "timestamp": pl.Datetime("us"),
    "decimal(18,2)": pl.Decimal(18, 2),
}
# The columns of silver that a reconciliation adds up.
SILVER: dict[str, dict[str, str]] = {
    "silver.orders": {"order_id": "varchar", "net_total": "decimal(18,2)"},
    "silver.order_items": {"quantity": "bigint", "unit_price": "decimal(18,2)"},
    "silver.returns": {"refunded_amount": "decimal(18,2)"},
    "silver.return_items": {"refunded_amount": "decimal(18,2)"},
}

# dbt leaves its log file of an earlier run in this process to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")

Rows = Mapping[str, list[dict[str, Any]]]


def documented(node: Mapping[str, Any]) -> dict[str, str]:
    return {column["name"]: column["data_type"] for column in node["columns"]}


def enriched_columns() -> dict[str, dict[str, str]]:
    declared = yaml.safe_load((MODELS / "_enriched_sources.yml").read_text())
    (source,) = declared["sources"]
    return {f"enriched.{table['name']}": documented(table) for table in source["tables"]}


INPUTS = {**SILVER, **enriched_columns()}


class Gold:
    """dbt over one set of input rows; every run has its own folders."""

    def __init__(self, manifest: Any, folder: Path) -> None:
        self.manifest, self.folder = manifest, folder

    def run(self, *command: str, rows: Rows) -> dict[str, Any]:
        """dbt's result of each node that ran, by the node's name."""
        variables = {
            "run_date": RUN_DATE.isoformat(),
            "run_id": "test",
            "inputs": {name: self._input(name, rows.get(name, [])) for name in INPUTS},
            "outputs": {f"gold.{fact}": str(self._output(fact)) for fact in GOLD},
        }
        return node_results(*command, run=variables, folder=self.folder, manifest=self.manifest)

    def fact(self, name: str) -> pl.DataFrame:
        return pl.read_parquet(self.folder / name / "*.parquet")

    def _input(self, name: str, rows: list[dict[str, Any]]) -> dict[str, list[str]]:
        schema = {column: TYPES[kind] for column, kind in INPUTS[name].items()}
        path = self.folder / f"{name}.parquet"
        kept = [{column: row.get(column) for column in schema} for row in rows]
        pl.DataFrame(kept, schema=schema, orient="row").write_parquet(path)
        return {"selects": [f"select * from read_parquet(['{path}'], hive_partitioning = false)"]}

    def _output(self, fact: str) -> Path:
        folder = self.folder / fact
        folder.mkdir(exist_ok=True)
        return folder


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Any:
    outcome = invoke("parse", folder=tmp_path_factory.mktemp("parse"))
    assert outcome.success, outcome.exception
    return outcome.result


@pytest.fixture
def gold(manifest: Any, tmp_path: Path) -> Gold:
    return Gold(manifest, tmp_path)


@pytest.mark.parametrize("pipeline", ["ecommerce", "clickstream"])
def test_facts_read_what_their_lineage_says(manifest: Any, pipeline: str) -> None:
    """Through the models between; what a run hands over of the release before is no input."""
    shown = {"added": "silver", "removed": "silver"}
    for name, inputs in lineage(load_spec(pipeline)).items():
        layer, _, fact = name.partition(".")
        if layer != "gold":
            continue
        found, wanted = set(), [f"model.{manifest.metadata.project_name}.{fact}"]
        while wanted:
            node = wanted.pop()
            if node in manifest.sources:
                source = manifest.sources[node]
                found.add((shown.get(source.source_name, source.source_name), source.name))
            else:
                wanted += manifest.nodes[node].depends_on.nodes
        read = {f"{layer}.{table}" for layer, table in found if layer != "previous"}
        assert read == set(inputs), name


@pytest.fixture(scope="module")
def built(manifest: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A shop's day built once: the files, dbt's results and what the oracle makes of it."""
    tables = run_rows(bronze(), RUN_DATE)
    gold = Gold(manifest, tmp_path_factory.mktemp("gold"))
    yield gold, gold.run("build", *GOLD_NODES, rows=dicts(tables)), tables


def dicts(tables: Mapping[str, Table]) -> Rows:
    return {name: table.dicts() for name, table in tables.items() if name in INPUTS}


def bronze() -> dict[str, list[dict[str, Any]]]:
    """Carts of every status, orders with and without a channel, guests, and two returns."""
    web = {"order_channel": "web", "shipping_speed": "Overnight"}
    return shop(
        product_catalog=[
            raw("product_catalog", product_id=1),
            raw("product_catalog", product_id=2, product_name="Rug", category=None),
            raw("product_catalog", product_id=3, product_name="Vase", inventory_quantity=0),
        ],
        orders=[
            raw("orders", order_id="O1", **web, shipping_cost=5.0, actual_shipping_cost=7.5),
            raw("orders", order_id="O2", **web, shipping_cost=9.99, customer_id="GUEST-1"),
            raw("orders", order_id="O3", order_channel=None, order_date="2024-01-12T09:00:00"),
            raw("orders", order_id="O4", order_channel="phone", customer_id="GUEST-2",
                order_date="2023-10-01", gross_total=700.1, net_total=700.1, shipping_cost=0.0,
                actual_shipping_cost=1.0),
        ],
        order_items=[
            raw("order_items", order_id="O1", product_id=1, quantity=3, discount_amount=1.25),
            raw("order_items", order_id="O1", product_id=2, quantity=1, unit_price=0.07),
            raw("order_items", order_id="O2", product_id=1, quantity=2, cost_price=3.33),
            raw("order_items", order_id="O4", product_id=2, quantity=7, unit_price=100.01),
        ],
        shopping_carts=[
            raw("shopping_carts", cart_id="K1"),
            raw("shopping_carts", cart_id="K2", created_at="2024-01-10T11:30:00"),
            raw("shopping_carts", cart_id="K3", created_at="2024-01-12T08:00:00"),
            raw("shopping_carts", cart_id="K4", created_at="2024-01-12T23:00:00", cart_total=0.0),
            raw("shopping_carts", cart_id="K5", created_at="2024-01-14T01:00:00"),
        ],
        cart_items=[
            raw("cart_items", cart_item_id=1, added_at="2024-01-10T10:05:00", quantity=2),
            raw("cart_items", cart_item_id=2, product_id=3, added_at="2024-01-09T10:05:00"),
        ],
        returns=[
            raw("returns", return_id="R1", order_id="O1"),
            raw("returns", return_id="R2", order_id="O3", refunded_amount=0.55),
        ],
        return_items=[raw("return_items", return_id="R1", refunded_amount=2.5)],
    )  # fmt: skip


@pytest.mark.parametrize("fact", GOLD)
def test_facts_have_the_rows_of_the_oracle(built: Any, fact: str) -> None:
    gold, _, tables = built
    frame = gold.fact(fact)
    expected = tables[f"gold.{fact}"]
    assert expected.rows
    assert differences(expected, frame.columns, frame.rows()) == []


def test_figures_that_a_reader_can_check_by_hand(built: Any) -> None:
    gold, _, _ = built
    day = {"dt": date(2024, 1, 10), "order_channel": "web"}
    finance = gold.fact("fct_finance_revenue").filter(**day).row(0, named=True)
    assert finance["shipping_revenue"] == Decimal("14.99")
    assert finance["shipping_margin"] == Decimal("-2.50")
    marketing = gold.fact("fct_marketing_attribution").filter(**day).row(0, named=True)
    assert (marketing["orders_count"], marketing["attributed_orders"]) == (2, 1)
    assert marketing["avg_hours_to_purchase"] == pytest.approx(0.5)
    at_risk = gold.fact("fct_marketing_attribution").filter(order_channel="all")
    assert at_risk.rows(named=True)[0]["dt"] == RUN_DATE
    assert at_risk["at_risk_customers"].to_list() == [0]
    carts = gold.fact("fct_cart_abandonment").filter(created_dt=date(2024, 1, 14))
    assert carts.select("carts_open", "conversion_rate").rows() == [(1, None)]
    today = gold.fact("fct_sales_operations").filter(dt=RUN_DATE)
    assert sorted(today["product_id"]) == [1, 2, 3]
    assert (
        gold.fact("fct_sales_operations").filter(pl.col("risk_tier").is_null())["dt"].max()
        < RUN_DATE
    )


@pytest.mark.parametrize("fact", GOLD)
def test_documented_columns_and_types_are_those_of_the_files(built: Any, fact: str) -> None:
    gold, _, _ = built
    (model,) = yaml.safe_load((MODELS / "gold" / f"{fact}.yml").read_text())["models"]
    assert model["name"] == fact
    columns = {name: TYPES[kind] for name, kind in documented(model).items()}
    assert list(gold.fact(fact).schema.items()) == list(columns.items())


def test_the_selection_is_gold_with_its_tests_and_the_reconciliations(built: Any) -> None:
    _, results, _ = built
    data_tests = {f"{fact}_{test}" for fact in GOLD for test in ("has_its_grain", "is_consistent")}
    assert len(RECONCILIATIONS) == 5
    assert set(results) == set(GOLD) | data_tests | RECONCILIATIONS
    failed = {name: str(r.message) for name, r in results.items() if r.status not in GOOD}
    assert failed == {}


def test_sources_without_rows_make_facts_without_rows(gold: Gold) -> None:
    results = gold.run("build", *GOLD_NODES, rows={})
    assert {name for name, result in results.items() if result.status not in GOOD} == set()
    for fact in GOLD:
        frame = gold.fact(fact)
        expected = [(RUN_DATE, "all", 0, 0, 0, None, 0, 0, Decimal("0.00"), 0, RUN_DATE)]
        assert frame.rows() == (expected if fact == "fct_marketing_attribution" else [])
        assert frame.columns == [*GOLD[fact][1].split(), "run_date"]


@pytest.mark.parametrize(
    ("table", "column", "delta", "broken"),
    [
        ("silver.orders", "net_total", Decimal("0.01"), "net_revenue_agrees"),
        ("enriched.customer_lifetime_value", "total_refunded", Decimal("-0.01"), "refunds_agree"),
        ("silver.order_items", "unit_price", Decimal("0.01"), "gross_revenue_of_products_agrees"),
        ("silver.return_items", "refunded_amount", Decimal("0.01"), "refunds_of_products_agree"),
        ("enriched.daily_business_metrics", "carts_converted", -1, "carts_convert_one_order_each"),
    ],
)
def test_a_cent_or_a_cart_too_many_fails_one_reconciliation(
    gold: Gold, table: str, column: str, delta: Decimal | int, broken: str
) -> None:
    rows = dicts(run_rows(bronze(), RUN_DATE))
    altered = next(row for row in rows[table] if row[column])
    altered[column] += delta
    results = gold.run("build", *GOLD_NODES, rows=rows)
    failed = {name for name, result in results.items() if result.status not in GOOD}
    assert failed == {broken}
    assert results[broken].status == "fail"
    assert results[broken].failures >= 2  # every figure of the comparison is shown


def test_two_carts_cannot_convert_with_one_order(gold: Gold) -> None:
    rows = dicts(run_rows(bronze(), RUN_DATE))
    left = next(r for r in rows["enriched.cart_attribution"] if r["cart_status"] == "abandoned")
    left.update(cart_status="converted", order_id="O1", order_channel="web", abandoned_value=None)
    results = gold.run("build", *GOLD_NODES, rows=rows)
    assert results["carts_convert_one_order_each"].status == "fail"


def test_a_key_that_stands_twice_fails_the_grain(gold: Gold) -> None:
    rows = dict(dicts(run_rows(bronze(), RUN_DATE)))
    days = rows["enriched.daily_business_metrics"]
    empty = next(day for day in days if not day["orders_count"] and not day["returns_count"])
    rows["enriched.daily_business_metrics"] = [*days, {**empty, "carts_converted": 0}]
    results = gold.run("build", *GOLD_NODES, rows=rows)
    assert results["fct_daily_dashboard_has_its_grain"].status == "fail"


def test_unit_tests_of_the_models_pass(gold: Gold) -> None:
    results = gold.run("test", "--select", "path:models/ecommerce/gold,test_type:unit", rows={})
    assert len(results) == 7
    assert {name: str(r.message) for name, r in results.items() if r.status not in GOOD} == {}
