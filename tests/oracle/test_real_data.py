"""The contract's reconciliations over the oracle's output on real data; skipped without it.

Belongs here: identities that hold for any input, asserted on the sample next to the repository
(or under MEDALLION_SHARED_DATA). Does not: hand-made cases.
"""

import os
from collections.abc import Iterator
from datetime import date
from decimal import Decimal, localcontext
from pathlib import Path

import pytest

from . import run
from .table import Table
from .values import total

RUN_DATE = date(2024, 1, 14)
REPOSITORY = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("MEDALLION_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))
BRONZE = DATA / "ecommerce" / "bronze"

pytestmark = pytest.mark.skipif(not BRONZE.is_dir(), reason="the sample data is not there")


@pytest.fixture(scope="module")
def tables() -> Iterator[dict[str, Table]]:
    with localcontext() as context:
        context.prec = 60
        yield run(BRONZE, RUN_DATE)


def sum_of(tables: dict[str, Table], table: str, column: str) -> Decimal:
    position = tables[table].columns.index(column)
    return total(row[position] for row in tables[table].rows)


def test_every_bronze_row_is_accounted_for(tables: dict[str, Table]) -> None:
    for row in tables["accounting"].dicts():
        assert row["bronze"] == row["rows"] + row["quarantined"] + row["superseded"]
        assert row["bronze"] > 0


def test_keys_are_unique(tables: dict[str, Table]) -> None:
    for name, table in tables.items():
        if not name.endswith("_quarantine"):
            positions = [table.columns.index(column) for column in table.key]
            keys = {tuple(row[at] for at in positions) for row in table.rows}
            assert len(keys) == len(table.rows), name


def test_net_revenue_reconciles(tables: dict[str, Table]) -> None:
    net = sum_of(tables, "silver.orders", "net_total")
    assert net > 0
    assert sum_of(tables, "gold.fct_finance_revenue", "net_revenue") == net
    assert sum_of(tables, "gold.fct_daily_dashboard", "net_revenue") == net
    assert sum_of(tables, "enriched.customer_lifetime_value", "total_spent") == net
    assert sum_of(tables, "gold.fct_customer_segments", "total_spent") == net


def test_gross_revenue_of_products_reconciles(tables: dict[str, Table]) -> None:
    lines = tables["silver.order_items"].dicts()
    gross = total(line["quantity"] * line["unit_price"] for line in lines)
    assert sum_of(tables, "gold.fct_product_profitability", "gross_revenue") == gross


def test_refunds_reconcile(tables: dict[str, Table]) -> None:
    refunds = sum_of(tables, "silver.returns", "refunded_amount")
    assert refunds > 0
    assert sum_of(tables, "gold.fct_finance_revenue", "refunded_amount") == refunds
    assert sum_of(tables, "gold.fct_daily_dashboard", "refund_total") == refunds
    assert sum_of(tables, "enriched.customer_lifetime_value", "total_refunded") == refunds
    by_item = sum_of(tables, "silver.return_items", "refunded_amount")
    assert sum_of(tables, "gold.fct_product_profitability", "refunded_amount") == by_item


def test_converted_carts_are_attributed_orders(tables: dict[str, Table]) -> None:
    carts = tables["enriched.cart_attribution"].dicts()
    orders = tables["enriched.attributed_purchases"].dicts()
    converted = sum(cart["cart_status"] == "converted" for cart in carts)
    assert converted == sum(order["is_attributed"] for order in orders) <= len(orders)
    assert len(orders) == len(tables["silver.orders"].rows)
    assert sum_of(tables, "gold.fct_marketing_attribution", "carts_converted") == converted
    assert sum_of(tables, "gold.fct_marketing_attribution", "attributed_orders") == converted
    assert sum_of(tables, "gold.fct_cart_abandonment", "carts_converted") == converted


def test_an_earlier_run_sees_less(tables: dict[str, Table]) -> None:
    earlier = run(BRONZE, date(2024, 1, 5))
    assert 0 < len(earlier["silver.orders"].rows) < len(tables["silver.orders"].rows)
    for row in earlier["accounting"].dicts():
        assert row["bronze"] == row["rows"] + row["quarantined"] + row["superseded"]
    net = sum_of(earlier, "silver.orders", "net_total")
    assert sum_of(earlier, "gold.fct_finance_revenue", "net_revenue") == net
