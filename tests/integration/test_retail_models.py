"""The models of retail as dbt has them: documented, tested, and true to the contract's columns.

Belongs here: the staging views and marts by their unit tests, run by hand. Does not: whole runs, in
which their data tests run (`tests/e2e/test_retail_contract.py`).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tasks.dbt_runs import dbt_tables
from tasks.gates import SQL_NAMES
from tasks.specs import load_spec
from tests.integration.dbt_invocation import GOOD, invoke, node_results
from tests.oracle.retail_gold import GOLD
from tests.oracle.retail_silver import SILVER

SPEC = load_spec("retail")
RUN = {"tables": dbt_tables(SPEC)}
WANTED_DATA_TESTS = 25

# dbt leaves its log file of an earlier run in this process to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("parse")
    outcome = invoke("parse", "--vars", json.dumps({"run": RUN}), folder=folder)
    assert outcome.success, outcome.exception
    return outcome.result


def models(manifest: Any) -> dict[str, Any]:
    """The documented models of retail by the names of their tables."""
    return {
        node.name.removeprefix("retail_"): node
        for node in manifest.nodes.values()
        if node.resource_type == "model" and node.fqn[1] == "retail" and node.columns
    }


def test_unit_tests_of_the_models_pass(manifest: Any, tmp_path: Path) -> None:
    select = "path:models/retail,test_type:unit"
    found = node_results("test", "--select", select, run=RUN, folder=tmp_path, manifest=manifest)
    assert {name: str(r.message) for name, r in found.items() if r.status not in GOOD} == {}
    tested = {r.node.tested_node_unique_id.split(".")[-1] for r in found.values()}
    marts = {models(manifest)[fact.name].name for fact in SPEC.gold}
    assert tested == marts | {"stg_orders", "stg_products", "stg_order_items"}


def test_columns_are_those_of_the_contract(manifest: Any) -> None:
    documented = {
        name: {c.name: c.data_type.upper() for c in node.columns.values()}
        for name, node in models(manifest).items()
    }
    contract = SILVER | {name: columns for name, (_, columns) in GOLD.items()}
    assert {name: list(columns) for name, columns in documented.items()} == contract
    for table in SPEC.tables:
        typed = {c: SQL_NAMES[kind] for c, kind in SPEC.silver_columns(table.name).items()}
        assert documented[table.name] == typed


def test_data_tests_of_every_kind_watch_views_and_marts(manifest: Any) -> None:
    tests = [
        node
        for node in manifest.nodes.values()
        if node.resource_type == "test" and "/retail/" in node.original_file_path
    ]
    assert len(tests) >= WANTED_DATA_TESTS
    kinds = {node.test_metadata.name for node in tests if hasattr(node, "test_metadata")}
    assert kinds >= {"unique", "not_null", "relationships", "accepted_values", "holds", "grain"}
    reconciling = {node.name for node in tests if "reconciliation" in node.tags}
    assert reconciling == {"totals_of_sales_agree", "totals_of_products_agree"}
    attached = [getattr(node, "attached_node", None) or "" for node in tests]
    watched = {node.split(".")[-1] for node in attached if node}
    assert watched == {node.name for node in models(manifest).values()}
