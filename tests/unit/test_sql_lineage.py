"""Column lineage of SQL: what each column is made of, and nothing where that is in doubt."""

from __future__ import annotations

import pytest

from tasks.contracts.column_lineage import ColumnLineage
from tasks.model_lineage import declared_lineage, models_lineage
from tasks.specs import load_spec
from tasks.sql_lineage import lineage_of_models, lineage_of_query

COLUMNS = {
    "silver.orders": ["order_id", "customer_id", "net_total", "order_dt", "status"],
    "silver.customers": ["customer_id", "region"],
}


def told(sql: str) -> ColumnLineage:
    found = lineage_of_query(sql, COLUMNS)
    assert found is not None
    return found


def test_columns_are_taken_computed_or_aggregated() -> None:
    found = told(
        """
        with known as (select *, net_total * 2 as twice from "memory"."silver"."orders")
        select order_dt as dt, upper(status) as status, sum(twice) as total, 1 as one, count(*) as n
        from known where customer_id is not null group by order_dt, status
        """
    )
    assert {c: dict(sources) for c, sources in found.columns.items()} == {
        "dt": {("silver.orders", "order_dt"): "IDENTITY"},
        "status": {("silver.orders", "status"): "TRANSFORMATION"},
        "total": {("silver.orders", "net_total"): "AGGREGATION"},
        "one": {},
        "n": {("silver.orders", "*"): "AGGREGATION"},
    }
    assert found.rows == {("silver.orders", c) for c in ("customer_id", "order_dt", "status")}


def test_joins_decide_rows_and_unions_have_several_sources() -> None:
    found = told(
        """
        select o.order_id as id, c.region from silver.orders o
        left join silver.customers c on c.customer_id = o.customer_id
        union all select customer_id, 'none' from silver.customers
        """
    )
    assert dict(found.columns["id"]) == {
        ("silver.orders", "order_id"): "IDENTITY",
        ("silver.customers", "customer_id"): "IDENTITY",
    }
    assert dict(found.columns["region"]) == {("silver.customers", "region"): "IDENTITY"}
    assert found.rows == {("silver.orders", "customer_id"), ("silver.customers", "customer_id")}


def test_a_union_by_name_goes_by_name() -> None:
    found = told(
        "select order_id, status from silver.orders union all by name "
        "select region as status, customer_id as order_id from silver.customers"
    )
    assert ("silver.customers", "region") in found.columns["status"]
    assert ("silver.customers", "customer_id") in found.columns["order_id"]


def test_windows_subqueries_and_lists_are_followed() -> None:
    found = told(
        """
        select lag(net_total) over (partition by customer_id order by order_dt) as before, (
            select max(region) from silver.customers c where c.customer_id = o.customer_id
        ) as region
        from silver.orders o
        """
    )
    columns = {source[1] for source in found.columns["before"]}
    assert columns == {"net_total", "customer_id", "order_dt"}
    assert found.columns["region"][("silver.customers", "region")] == "AGGREGATION"


def test_a_name_is_looked_up_in_its_own_query_first() -> None:
    found = told(
        """
        with counted as (select customer_id, count(*) as n from silver.orders group by customer_id)
        select customer_id, n from counted where exists (
            select 1 from silver.customers as seen
            where seen.region > (select max(counted.status) from silver.orders as counted)
                and seen.customer_id = counted.customer_id
        )
        """
    )
    assert dict(found.columns["customer_id"]) == {("silver.orders", "customer_id"): "IDENTITY"}
    assert ("silver.orders", "status") in found.rows
    assert ("silver.customers", "region") in found.rows


def test_rows_are_counted_whatever_is_in_them() -> None:
    found = told(
        """
        with seen as (select customer_id, false as is_first from silver.orders)
        select
            customer_id, count(*) as n, sum(case when is_first then 1 end) as firsts, max(2) as two
        from seen group by customer_id order by n
        """
    )
    counted = {("silver.orders", "*"): "AGGREGATION"}
    assert [dict(found.columns[name]) for name in ("n", "firsts", "two")] == [counted] * 3
    assert found.rows == {("silver.orders", "customer_id")}


def test_a_function_of_the_project_depends_on_what_it_is_given() -> None:
    found = told(
        """
        with records as (select event_record(status) as record, order_id from silver.orders)
        select record."timestamp" as "timestamp", members[order_id]['name'] as name
        from (select *, record.members as members from records) order by "timestamp"
        """
    )
    assert dict(found.columns["timestamp"]) == {("silver.orders", "status"): "TRANSFORMATION"}
    assert set(found.columns["name"]) == {("silver.orders", c) for c in ("status", "order_id")}


@pytest.mark.parametrize(
    "sql",
    [
        "select nothing_known from silver.orders",
        "select customer_id from silver.orders, silver.customers",
        "select * from silver.unknown",
        "select columns('order_.*') from silver.orders",
        "this is no query",
        "select order_id from",
    ],
)
def test_what_is_in_doubt_is_not_told(sql: str) -> None:
    assert lineage_of_query(sql, COLUMNS) is None


def test_models_on_the_way_are_seen_through() -> None:
    models = [
        (
            "silver.checked",
            "select *, length(status) as size from silver.orders where status <> ''",
        ),
        ("gold.mart", "select sum(size) as sizes, max(order_dt) as dt from silver.checked"),
        ("silver.lost", "select missing from silver.orders"),
        ("gold.other", "select missing from silver.lost"),
    ]
    found = lineage_of_models(
        models, {**COLUMNS, "gold.mart": ["sizes", "dt"], "gold.other": ["x"]}
    )
    assert list(found) == ["gold.mart"]
    assert dict(found["gold.mart"].columns["sizes"]) == {("silver.orders", "status"): "AGGREGATION"}
    assert found["gold.mart"].rows == {("silver.orders", "status")}


def test_models_are_told_under_the_names_of_their_tables() -> None:
    found = ColumnLineage(
        {"a": {("gold.shop_mart", "x"): "IDENTITY", ("silver.b", "_row"): "IDENTITY"}},
        frozenset({("gold.shop_mart", "y"), ("silver.b", "_row")}),
    )
    told = found.renamed({"gold.shop_mart": "gold.mart"}).without_columns(["_row"])
    assert dict(told.columns["a"]) == {("gold.mart", "x"): "IDENTITY"}
    assert told.rows == {("gold.mart", "y")}
    assert told.of_tables({"silver.b"}) == ColumnLineage({}, frozenset())
    assert told.sources == {("gold.mart", "x"), ("gold.mart", "y")}


def test_what_is_counted_of_a_model_on_the_way_are_the_rows_of_its_tables() -> None:
    models = [
        ("gold.pairs", "select distinct customer_id, false as is_new from silver.orders"),
        ("gold.mart", "select count(*) as n, sum(if(is_new, 1, 0)) as news from gold.pairs"),
    ]
    found = lineage_of_models(models, {**COLUMNS, "gold.mart": ["n", "news"]})["gold.mart"]
    counted = {("silver.orders", "*"): "AGGREGATION"}
    assert (dict(found.columns["n"]), dict(found.columns["news"])) == (counted, counted)


def test_a_run_on_top_of_a_release_is_followed_to_bronze() -> None:
    spec = load_spec("ecommerce")
    columns = {"silver.customers": list(spec.silver_columns("customers"))}
    listed = ", ".join(columns["silver.customers"])
    models = [
        ("silver.customers_checked", f"select null as _reasons, {_typed(listed)}"),
        (
            "silver.customers",
            f"select {listed} from silver.customers_winners union all "
            f"select {listed} from previous.customers",
        ),
    ]
    found = models_lineage(spec, models, columns)["silver.customers"]
    assert dict(found.columns["email"]) == {("bronze.customers", "email"): "TRANSFORMATION"}
    assert dict(found.columns["ingestion_dt"]) == {
        ("bronze.customers", "ingestion_ts"): "TRANSFORMATION"
    }


def _typed(listed: str) -> str:
    typed = [f"trim({name}) as {name}" for name in listed.split(", ") if not name.endswith("_dt")]
    typed += ["signup_date + 0 as signup_dt", "cast(ingestion_ts as date) as ingestion_dt"]
    return f"{', '.join(typed)} from bronze.customers"


def test_the_specification_declares_silver_where_no_sql_tells() -> None:
    told = declared_lineage(load_spec("clickstream"))["silver.events_cleaned"]
    assert dict(told.columns["price"]) == {("bronze.events_raw", "price"): "TRANSFORMATION"}
    assert "event_id" not in told.columns
