"""The data dictionary: what it says of columns, and the page that it becomes."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from tasks.dbt_docs import DocumentedModel, _model
from tasks.dictionary import DictionaryTable, dictionary
from tasks.reports.dictionary_page import dictionary_page
from tasks.specs import load_spec

ORDERS = DocumentedModel(
    pipeline="retail",
    relation="gold.customer_orders",
    description="Orders.",
    sql=(
        "select customers.name as customer_name, orders.order_id, "
        "orders.total_amount as order_total "
        "from silver.stg_orders as orders "
        "inner join silver.stg_customers as customers on orders.customer_id = customers.customer_id"
    ),
    columns={
        "customer_name": ("varchar", "Masked."),
        "order_id": ("varchar", "The <order>."),
        "order_total": ("decimal(18,2)", ""),
    },
)


@pytest.fixture(scope="module")
def retail() -> dict[str, DictionaryTable]:
    return {table.name: table for table in dictionary(load_spec("retail"), [ORDERS])}


@pytest.fixture(scope="module")
def ecommerce() -> dict[str, DictionaryTable]:
    return {table.name: table for table in dictionary(load_spec("ecommerce"), [])}


def test_gold_tells_where_columns_come_from_and_of_whom(retail: dict[str, DictionaryTable]) -> None:
    table = retail["gold.customer_orders"]
    columns = {column.name: column for column in table.columns}
    assert columns["customer_name"].sources == ("silver.stg_customers.name",)
    assert columns["customer_name"].personal == "name, masked"
    assert columns["order_total"].sources == ("silver.stg_orders.total_amount",)
    assert (table.classification, table.key, bool(table.owner)) == ("personal", ("order_id",), True)
    assert "silver.stg_orders" in table.inputs


def test_silver_tells_what_is_made_of_it(retail: dict[str, DictionaryTable]) -> None:
    names = {column.name: column for column in retail["silver.stg_customers"].columns}
    assert names["name"].sources == ("bronze.raw_customers.name",)
    assert "gold.customer_orders.customer_name" in names["name"].feeds
    assert "gold.customer_orders" in retail["silver.stg_customers"].feeds
    assert (names["email"].personal, names["region"].personal) == ("email", "")
    assert retail["silver.stg_products"].classification == "internal"


def test_transforms_are_asked_without_data(ecommerce: dict[str, DictionaryTable]) -> None:
    table = ecommerce["enriched.shipping_economics"]
    assert table.columns
    assert any(column.sources for column in table.columns)
    sources = {source for t in ecommerce.values() for c in t.columns for source in c.sources}
    known = {f"{t.name}.{c.name}" for t in ecommerce.values() for c in t.columns}
    known |= {f"{name}.*" for name in ecommerce}
    counts = {c.name: c for c in ecommerce["enriched.daily_business_metrics"].columns}
    assert counts["carts_created"].sources == ("enriched.cart_attribution.*",)
    assert counts["run_date"].is_of_run
    assert {source for source in sources if not source.startswith("seeds.")} <= known
    meant = {c.name: c.meaning for c in ecommerce["bronze.orders"].columns}
    assert meant["batch_id"]


def test_a_model_is_what_the_manifest_says_of_it() -> None:
    node = {
        "fqn": ["medallion", "retail", "gold", "revenue"],
        "alias": "revenue",
        "schema": "gold",
        "description": "Two\n lines.",
        "compiled_code": "select 1",
        "columns": {"dt": {"data_type": "date", "description": "A\n day."}},
    }
    assert _model(node) == DocumentedModel(
        "retail", "gold.revenue", "Two lines.", "select 1", {"dt": ("date", "A day.")}
    )


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if given.get("id"):
            self.ids.append(str(given["id"]))
        if tag == "a":
            self.targets.append(str(given["href"]))


def test_the_page_stands_for_itself_and_its_links_lead_somewhere(
    retail: dict[str, DictionaryTable],
) -> None:
    page = dictionary_page(list(retail.values()), "dbt.html")
    assert page.count("<h3") == len(retail)
    assert "<i>the run</i>" in page
    assert not re.search(r"(src|href)=\"?(https?:)?//|@import|url\(", page)
    assert "The &lt;order&gt;." in page
    found = _Links()
    found.feed(page)
    assert len(found.ids) == len(set(found.ids))
    assert {t[1:] for t in found.targets if t.startswith("#")} <= set(found.ids)
    assert [t for t in found.targets if not t.startswith("#")] == ["dbt.html"]
    assert 'type="search"' in page
