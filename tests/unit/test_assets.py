"""Assets of a pipeline: keys, lineage from bronze to gold, and figures of what was published."""

from __future__ import annotations

import re

import pytest
from prefect.assets import Asset

from tasks.assets import (
    Materialized,
    asset_key,
    landed_assets,
    published_assets,
)
from tasks.contracts.errors import ConfigurationError
from tasks.contracts.release import PublishedTable
from tasks.landing import LandedBatch
from tasks.lineage import descriptions, lineage
from tasks.specs import known_pipelines, load_spec

SPECS = {name: load_spec(name) for name in known_pipelines()}
KEY = re.compile(r"medallion://[a-z][a-z0-9_]*(@[a-z0-9_-]+)?/[a-z]+/[a-z][a-z0-9_]*")
each_pipeline = pytest.mark.parametrize("pipeline", SPECS)


def tables_of(pipeline: str) -> dict[str, PublishedTable]:
    spec = SPECS[pipeline]
    internal = {f"gold.{fact.name}" for fact in spec.gold if fact.internal}
    return {
        name: PublishedTable(
            rows=number, bytes=10 * number, columns={}, files=(), internal=name in internal
        )
        for number, name in enumerate([*internal, *lineage(spec)])
    }


def assets_of(pipeline: str) -> list[Materialized]:
    figures = {"release": 12, "run_date": "2024-01-14"}
    return published_assets(SPECS[pipeline], "local", tables_of(pipeline), figures)


@each_pipeline
def test_each_table_comes_from_tables_before_it_and_in_the_end_from_outside(pipeline: str) -> None:
    made_of = lineage(SPECS[pipeline])
    seen: set[str] = set()
    for table, inputs in made_of.items():
        assert inputs, table
        outside = {name for name in inputs if name.partition(".")[0] in ("bronze", "seeds")}
        assert set(inputs) - outside <= seen, table
        seen.add(table)


@each_pipeline
def test_there_is_an_asset_a_shown_table_with_figures_and_a_description(pipeline: str) -> None:
    assets, tables = assets_of(pipeline), tables_of(pipeline)
    names = [each.asset.properties.name for each in assets if each.asset.properties]
    assert names == list(lineage(SPECS[pipeline]))
    for each, name in zip(assets, lineage(SPECS[pipeline]), strict=True):
        table = tables[name]
        said = {"rows": table.rows, "bytes": table.bytes, "files": 0}
        assert each.metadata == {**said, "release": 12, "run_date": "2024-01-14"}
        assert each.asset.properties is not None and each.asset.properties.description
        assert each.by in ("dbt", "polars")
        assert all(KEY.fullmatch(asset.key) for asset in (each.asset, *each.upstream))


def test_the_lineage_of_a_fact_goes_back_to_bronze() -> None:
    upstream = {m.asset.key: {a.key for a in m.upstream} for m in assets_of("ecommerce")}
    wanted, found = {"medallion://ecommerce/gold/fct_sales_operations"}, set[str]()
    while wanted:
        found |= wanted
        wanted = {key for each in wanted for key in upstream.get(each, ())} - found
    assert "medallion://ecommerce/silver/orders" in found
    assert "medallion://ecommerce/bronze/order_items" in found


def test_a_table_that_the_specification_has_no_more_is_told_of_without_lineage() -> None:
    table = tables_of("ecommerce")["silver.orders"]
    internal = table.model_copy(update={"internal": True})
    tables = {"gold.fct_gone": table, "gold.sums": internal}
    (gone,) = published_assets(SPECS["ecommerce"], "local", tables, {})
    assert (gone.asset.key, gone.upstream) == ("medallion://ecommerce/gold/fct_gone", ())


@each_pipeline
def test_descriptions_are_of_tables_that_there_are(pipeline: str) -> None:
    made_of = lineage(SPECS[pipeline])
    inputs = {name for names in made_of.values() for name in names}
    said = descriptions(SPECS[pipeline])
    shown = {n for n in said if not n.startswith("gold.") or n in made_of}
    assert shown <= set(made_of) | inputs
    assert set(made_of) <= set(said)


@pytest.mark.parametrize(
    ("environment", "key"),
    [
        ("local", "medallion://ecommerce/gold/fct_finance_revenue"),
        ("prod", "medallion://ecommerce@prod/gold/fct_finance_revenue"),
        ("Our shop/2", "medallion://ecommerce@our-shop-2/gold/fct_finance_revenue"),
    ],
)
def test_environments_have_keys_of_their_own(environment: str, key: str) -> None:
    assert asset_key("ecommerce", "gold.fct_finance_revenue", environment) == key
    assert KEY.fullmatch(key)
    assert Asset(key=key).key == key  # Prefect checks them, too


@pytest.mark.parametrize(
    ("pipeline", "table"),
    [
        ("ecommerce", "gold"),
        ("ecommerce", "gold.fct/../x"),
        ("ecommerce", "platinum.fct"),
        ("Shop", "gold.fct"),
        ("a b", "gold.fct"),
    ],
)
def test_what_is_no_name_is_no_part_of_a_key(pipeline: str, table: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(table)):
        asset_key(pipeline, table)


def test_landing_makes_assets_of_bronze_unless_all_was_there() -> None:
    def batch(table: str, rows: int, *, before: bool = False) -> LandedBatch:
        return LandedBatch(table, "b", "f", rows, (), before)

    batches = [batch("orders", 3), batch("returns", 7, before=True), batch("orders", 2)]
    (orders,) = landed_assets(SPECS["ecommerce"], "local", batches)
    assert orders.asset.key == "medallion://ecommerce/bronze/orders"
    assert orders.metadata == {"files": 2, "rows": 5}
    assert orders.upstream == ()
    (events,) = landed_assets(SPECS["clickstream"], "local", [batch("events_raw", 1)])
    assert events.asset.key == "medallion://clickstream/bronze/events_raw"
