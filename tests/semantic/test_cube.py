"""What a running Cube answers is what DuckDB says of the files of the current release."""

from __future__ import annotations

import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
import requests

from tests.integration.published import files_of, release_document
from tests.semantic.gold_releases import publish_gold
from tests.semantic.running_cube import SECRET, Cube, token

pytestmark = pytest.mark.slow
SALE = "order_status not in ('cancelled', 'failed')"
ORDERS, REVENUE = "CustomerOrders", "Revenue"
CENT = Decimal("0.01")


def told(lake: Path, pipeline: str, sql: str) -> list[tuple[Any, ...]]:
    """What DuckDB says of the current release; `{table}` stands for a gold table."""
    tables = {
        name.removeprefix(
            "gold."
        ): f"read_parquet({files_of(lake, table)}, hive_partitioning = false)"
        for name, table in release_document(lake, pipeline=pipeline)["tables"].items()
    }
    return duckdb.sql(sql.format_map(tables)).fetchall()


def plain(value: Any) -> Any:
    """A figure or text of either side, money to the cent."""
    try:
        return Decimal(str(value)).quantize(CENT)
    except ArithmeticError:
        return None if value is None else str(value)


def same(answer: dict[str, Any], names: list[str], expected: list[tuple[Any, ...]]) -> None:
    got = [tuple(plain(row[name]) for name in names) for row in answer["data"]]
    assert expected
    assert sorted(got, key=repr) == sorted(
        (tuple(plain(value) for value in row) for row in expected), key=repr
    )


def members(cube: str, *names: str) -> list[str]:
    return [f"{cube}.{name}" for name in names]


# Cube, measures, dimensions; pipeline and the same in SQL, dimensions first.
QUESTIONS = [
    (
        ORDERS,
        ["order_count", "sale_count", "customer_count", "revenue", "average_order_value", "units"],
        ["order_region", "order_status"],
        "retail",
        f"select order_region, order_status, count(distinct order_id), "
        f"count(distinct order_id) filter ({SALE}), count(distinct customer_id), "
        f"sum(order_total) filter ({SALE}), "
        f"sum(order_total) filter ({SALE}) / nullif(count(*) filter ({SALE}), 0), sum(item_count) "
        "from {customer_orders} group by all",
    ),
    (
        REVENUE,
        ["order_count", "revenue", "ordered_amount", "growth_pct"],
        [],
        "retail",
        "select sum(order_count), "
        "sum(total_revenue) filter (status not in ('cancelled', 'failed')), "
        "sum(total_revenue), 100 * (sum(total_revenue) filter (revenue_7d_ago is not null) "
        "- sum(revenue_7d_ago)) / sum(revenue_7d_ago) from {revenue}",
    ),
    (
        "ProductPerformance",
        ["units", "revenue", "average_selling_price", "average_discount_pct"],
        ["category"],
        "retail",
        "select category, sum(units_sold), sum(total_revenue), "
        "sum(total_revenue) / sum(units_sold), "
        "100 * (sum(list_price * units_sold) - sum(total_revenue)) / sum(list_price * units_sold) "
        "from {product_performance} group by all",
    ),
    (
        "customer_analytics",
        ["revenue", "customers", "lifetime_revenue"],
        ["segment"],
        "retail",
        "with bought as (select customer_id, sum(order_total) as spent from {customer_orders} "
        f"where {SALE} group by all) "
        "select c.segment, sum(b.spent), count(*), sum(c.total_revenue) "
        "from {customer_lifetime_value} c left join bought b using (customer_id) group by all",
    ),
    (
        "FinanceRevenue",
        ["orders", "net_revenue", "shipping_margin", "average_order_value"],
        ["order_channel"],
        "ecommerce",
        "select order_channel, sum(orders_count), sum(net_revenue), sum(shipping_margin), "
        "sum(net_revenue) / sum(orders_count) from {fct_finance_revenue} group by all",
    ),
    (
        "ProductProfitability",
        ["units_sold", "gross_revenue", "margin"],
        ["category"],
        "ecommerce",
        "select category, sum(units_sold), sum(gross_revenue), sum(net_margin) "
        "from {fct_product_profitability} group by all",
    ),
    (
        "Visitors",
        ["visitors", "purchases", "revenue", "average_purchase_value"],
        ["customer_segment"],
        "clickstream",
        "select customer_segment, count(*), sum(total_purchases), sum(total_revenue), "
        "sum(total_revenue) / sum(total_purchases) from {customer_metrics} group by all",
    ),
    (
        "ConversionFunnel",
        ["sessions_with_view", "sessions_with_purchase", "revenue"],
        ["category_l1"],
        "clickstream",
        "select category_l1, sum(sessions_with_view), sum(sessions_with_purchase), "
        "sum(total_revenue) from {conversion_funnel} group by all",
    ),
]


@pytest.mark.parametrize(
    ("name", "measures", "dimensions", "pipeline", "sql"), QUESTIONS, ids=[q[0] for q in QUESTIONS]
)
def test_figures_are_those_of_duckdb(
    cube: Cube, name: str, measures: list[str], dimensions: list[str], pipeline: str, sql: str
) -> None:
    asked = {"measures": members(name, *measures), "dimensions": members(name, *dimensions)}
    answer = cube.load(asked)
    same(answer, asked["dimensions"] + asked["measures"], told(cube.lake, pipeline, sql))


def test_days_are_those_of_utc_and_come_from_a_rollup(cube: Cube) -> None:
    answer = cube.load(
        {
            "measures": members("sales_dashboard", "revenue", "order_count"),
            "timeDimensions": [{"dimension": "sales_dashboard.order_dt", "granularity": "day"}],
            "dimensions": ["sales_dashboard.region"],
        }
    )
    assert list(answer["usedPreAggregations"]) == ["prod_pre_aggregations.revenue_by_day"]
    expected = told(
        cube.lake,
        "retail",
        "select strftime(order_dt, '%Y-%m-%dT00:00:00.000'), region, "
        "sum(total_revenue) filter (status not in ('cancelled', 'failed')), sum(order_count) "
        "from {revenue} group by all",
    )
    names = ["order_dt.day", "region", "revenue", "order_count"]
    same(answer, members("sales_dashboard", *names), expected)


def test_graphql_tells_the_same(cube: Cube) -> None:
    rows = cube.graphql("{ cube { customerOrders { order_region revenue customer_count } } }")
    got = {
        (row["order_region"], plain(row["revenue"]), plain(row["customer_count"]))
        for row in (row["customerOrders"] for row in rows)
    }
    expected = told(
        cube.lake,
        "retail",
        f"select order_region, sum(order_total) filter ({SALE}), count(distinct customer_id) "
        "from {customer_orders} group by all",
    )
    assert got == {tuple(plain(value) for value in row) for row in expected}
    joined = cube.graphql("{ cube { financeRevenue { net_revenue } dailyDashboard { carts } } }")
    assert len(joined) == 1


def test_the_cubes_of_a_pipeline_appear_with_its_first_release(cube: Cube, lake: Path) -> None:
    asked = {"measures": ["FleetDays.tasks"]}
    refused = cube.post("cubejs-api/v1/load", {"query": asked})
    assert "coordination: nothing is published yet" in refused.text
    publish_gold(lake, "coordination", seed=1)
    expected = told(lake, "coordination", "select sum(total_tasks) from {daily_analytics}")
    same(cube.load(asked), ["FleetDays.tasks"], expected)


def test_each_answer_is_of_one_release_and_at_once_of_a_new_one(cube: Cube, lake: Path) -> None:
    """While releases come, no answer mixes two, and none is older than what was current."""
    joined = ["customer_analytics.revenue", "customer_analytics.lifetime_revenue"]
    rolled_up = ["sales_dashboard.revenue", "sales_dashboard.order_count"]
    sql = (
        f"select sum(order_total) filter ({SALE}), sum(order_total) filter ({SALE}), "
        f"sum(order_total) filter ({SALE}), count(*) from {{customer_orders}}"
    )

    def truth() -> list[Any]:
        return [plain(value) for value in told(lake, "retail", sql)[0]]

    def answered(*figures: str) -> list[Any]:
        (row,) = cube.load({"measures": figures})["data"]
        return [plain(row[name]) for name in figures]

    known, seen, ended = [truth()], [], threading.Event()

    def keep_asking() -> None:
        while not ended.is_set():
            seen.append(answered(*joined))

    asking = threading.Thread(target=keep_asking)
    asking.start()
    try:
        for seed in (2, 3):
            publish_gold(lake, "retail", seed)
            known.append(truth())
            assert answered(*joined) == known[-1][:2]
            assert answered(*rolled_up) == known[-1][2:]
    finally:
        ended.set()
        asking.join()
    places = [[release[:2] for release in known].index(answer) for answer in seen]
    assert places == sorted(places)


NAMES = members(ORDERS, "customer_name", "customer_email")
BY_PERSON = {"measures": [f"{ORDERS}.order_count"], "dimensions": NAMES}


@pytest.mark.parametrize("view", [ORDERS, "customer_analytics"])
def test_who_a_person_is_is_masked_for_ordinary_groups(cube: Cube, view: str) -> None:
    names = members(view, "customer_name", "customer_email")
    asked = {"measures": [f"{view}.order_count"], "dimensions": names}
    for claims in ({}, {"groups": ["analyst"]}, {"groups": ["analyst"], "regions": ["north"]}):
        rows = cube.load(asked, claims)["data"]
        assert {row[name] for row in rows for name in names} == {"***"}
    clear = cube.load(asked, {"groups": ["privacy"]})
    sql = "select customer_name, customer_email, count(*) from {customer_orders} group by all"
    same(clear, [*names, f"{view}.order_count"], told(cube.lake, "retail", sql))


def test_nobody_finds_a_masked_person_by_a_filter(cube: Cube) -> None:
    found = {"member": f"{ORDERS}.customer_email", "operator": "equals", "values": ["aa00@"]}
    asked = {"measures": [f"{ORDERS}.order_count"], "filters": [found]}
    clear = cube.load(asked, {"groups": ["privacy"]})["data"]
    assert int(clear[0][f"{ORDERS}.order_count"]) > 0
    masked = cube.post("cubejs-api/v1/load", {"query": asked})
    assert not masked.ok or masked.json()["data"][0][f"{ORDERS}.order_count"] in ("0", None)


@pytest.mark.parametrize("name", [ORDERS, REVENUE, "sales_dashboard", "customer_analytics"])
@pytest.mark.parametrize("groups", [[], ["privacy"]], ids=["analyst", "privacy"])
def test_a_region_sees_its_own_rows(cube: Cube, name: str, groups: list[str]) -> None:
    asked = {"measures": members(name, "order_count", "revenue")}
    sql = (
        f"select count(*), sum(order_total) filter ({SALE}) from {{customer_orders}} "
        "where order_region in ('north', 'unknown')"
    )
    answer = cube.load(asked, {"groups": groups, "regions": ["north", "unknown"]})
    same(answer, asked["measures"], told(cube.lake, "retail", sql))


def test_what_has_no_region_is_closed_to_who_sees_regions_only(cube: Cube) -> None:
    for asked in ("ProductPerformance.revenue", "RetailDays.sales", "FinanceRevenue.orders"):
        query = {"query": {"measures": [asked]}}
        assert cube.post("cubejs-api/v1/load", query, {"regions": ["north"]}).status_code >= 400
        assert cube.post("cubejs-api/v1/load", query).ok


@pytest.mark.parametrize("claims", [{"regions": []}, {"regions": "north"}, {"groups": "privacy"}])
def test_claims_that_make_no_sense_open_nothing(cube: Cube, claims: dict[str, Any]) -> None:
    for figure in (f"{ORDERS}.revenue", "Visitors.visitors"):
        asked = {"query": {"measures": [figure]}}
        assert cube.post("cubejs-api/v1/load", asked, claims).status_code >= 400


@pytest.mark.parametrize("path", ["cubejs-api/v1/load", "cubejs-api/graphql", "cubejs-api/v1/meta"])
def test_only_a_token_of_the_key_is_let_in(cube: Cube, path: str) -> None:
    wrong = token({}, SECRET.upper())
    for headers in ({}, {"authorization": "x"}, {"authorization": wrong}):
        assert requests.get(cube.url(path), headers=headers, timeout=60).status_code == 403


def test_it_listens_on_the_loopback_alone(cube: Cube) -> None:
    with pytest.raises(requests.ConnectionError):  # every other address of the machine, this too
        requests.get(cube.url("livez").replace("127.0.0.1", "127.0.0.2"), timeout=10)
    assert requests.get(cube.url("livez"), timeout=10).ok
