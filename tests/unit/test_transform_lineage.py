"""Column lineage of the transforms that ship, as Polars tells it of queries over no rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import cache

import polars as pl
import pytest

from tasks.contracts.column_lineage import ColumnLineage
from tasks.contracts.silver_schema import POLARS_TYPES
from tasks.enrichment import declared_sources, load_transform
from tasks.specs import load_spec
from tasks.transform_inputs import read_seed
from tasks.transform_lineage import transform_lineage


def schema_of(table: str) -> dict[str, pl.DataType]:
    spec, (layer, _, name) = load_spec("ecommerce"), table.partition(".")
    if layer == "seeds":
        return dict(read_seed(name).collect_schema())
    if layer == "enriched":
        (transform,) = (t for t in spec.transforms if t.name == name)
        function, _ = load_transform(transform)
        frames = {a: pl.LazyFrame(schema=schema_of(n)) for a, n in transform.inputs.items()}
        made = function(**frames, **transform.parameters, run_date=date(2024, 1, 1))
        return dict(made.collect_schema())
    if layer == "dims":
        (name,) = (d.table for d in spec.dimensions if d.name == name)
    columns = {column: POLARS_TYPES[kind] for column, kind in spec.silver_columns(name).items()}
    return columns | ({"snapshot_dt": pl.Date()} if layer == "dims" else {})


@cache
def lineage(name: str, with_declared: bool = True) -> ColumnLineage:
    (transform,) = (t for t in load_spec("ecommerce").transforms if t.name == name)
    function, _ = load_transform(transform)
    schemas = {argument: schema_of(table) for argument, table in transform.inputs.items()}
    declared = declared_sources(transform) if with_declared else {}
    found = transform_lineage(function, transform.inputs, schemas, transform.parameters, declared)
    assert found is not None
    return found


@pytest.mark.parametrize("name", [t.name for t in load_spec("ecommerce").transforms])
def test_each_transform_can_be_told(name: str) -> None:
    found = lineage(name)
    (transform,) = (t for t in load_spec("ecommerce").transforms if t.name == name)
    assert {table for table, _ in found.sources} <= set(transform.inputs.values())
    assert [name for name, sources in found.columns.items() if not sources] == ["run_date"]


@pytest.mark.parametrize("name", [t.name for t in load_spec("ecommerce").transforms])
def test_only_what_cannot_be_told_is_declared_and_polars_does_not_contradict(name: str) -> None:
    (transform,) = (t for t in load_spec("ecommerce").transforms if t.name == name)
    told = lineage(name, with_declared=False)
    for column, sources in declared_sources(transform).items():
        assert column in lineage(name).columns
        assert column not in told.columns
        for argument, _, source in (text.partition(".") for text in sources):
            assert source == "*" or (transform.inputs[argument], source) in told.rows


def sources(name: str, column: str) -> set[tuple[str, str]]:
    return set(lineage(name).columns[column])


def test_values_come_from_the_columns_that_the_formulas_name() -> None:
    shipping = {("silver.orders", "actual_shipping_cost"), ("silver.orders", "shipping_cost")}
    assert sources("shipping_economics", "shipping_margin") == shipping
    assert sources("shipping_economics", "is_expedited") == {("silver.orders", "shipping_speed")}
    assert lineage("shipping_economics").rows == frozenset()
    assert sources("regional_financials", "tax_amount") == {
        ("seeds.region_tax_rates", "tax_rate"),
        ("silver.orders", "net_total"),
    }
    assert sources("sales_velocity", "velocity_28d") == {("silver.order_items", "quantity")}
    assert ("silver.cart_items", "unit_price") in sources("cart_attribution", "cart_value")


def test_groups_and_joins_decide_rows() -> None:
    rows = lineage("sales_velocity").rows
    assert rows == {("silver.order_items", "order_dt"), ("silver.order_items", "product_id")}
    assert sources("sales_velocity", "product_id") == {("silver.order_items", "product_id")}


def one(make: Callable[..., pl.LazyFrame]) -> ColumnLineage | None:
    return transform_lineage(make, {"a": "silver.a"}, {"a": {"x": pl.Int64(), "y": pl.Int64()}}, {})


def test_what_is_only_counted_depends_on_the_groups() -> None:
    found = one(lambda a, run_date: a.group_by("x").agg(n=pl.len()))  # noqa: ARG005
    assert found is not None and found.rows == {("silver.a", "x")}
    assert dict(found.columns) == {"x": {("silver.a", "x"): "UNTOLD"}}


def test_a_query_that_polars_refuses_has_no_lineage() -> None:
    assert one(lambda a, run_date: a.select("z")) is None  # noqa: ARG005
