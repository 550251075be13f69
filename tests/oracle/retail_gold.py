"""Gold of the retail contract: five tables of sums over staged rows.

Belongs here: every formula of the five. Does not: what a staged row is (`retail_silver`).
"""

import hashlib
import hmac
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from .table import Row, Table, table_of
from .values import count_sum, days, ratio, total

NO_SALE = {"cancelled", "failed"}
WEEK = timedelta(days=7)
GOLD: dict[str, tuple[int, list[str]]] = {
    "customer_orders": (
        0,
        [
            "customer_id",
            "customer_name",
            "customer_email",
            "customer_segment",
            "customer_region",
            "order_id",
            "order_status",
            "order_dt",
            "order_region",
            "order_total",
            "product_count",
            "item_count",
            "calculated_total",
            "has_amount_mismatch",
        ],
    ),
    "revenue": (
        4,
        [
            "order_dt",
            "region",
            "status",
            "segment",
            "order_count",
            "customer_count",
            "total_revenue",
            "avg_order_value",
            "cumulative_revenue",
            "revenue_7d_ago",
            "wow_growth_pct",
        ],
    ),
    "product_performance": (
        1,
        [
            "product_id",
            "product_name",
            "category",
            "list_price",
            "order_count",
            "units_sold",
            "total_revenue",
            "avg_selling_price",
            "min_selling_price",
            "max_selling_price",
            "avg_discount_pct",
            "completed_order_count",
            "completed_revenue",
            "first_sale_dt",
            "last_sale_dt",
            "category_rank",
        ],
    ),
    "customer_lifetime_value": (
        1,
        [
            "customer_id",
            "segment",
            "region",
            "order_count",
            "total_revenue",
            "avg_order_value",
            "first_order_dt",
            "last_order_dt",
            "tenure_days",
        ],
    ),
    "daily_sales_summary": (
        1,
        [
            "order_dt",
            "order_count",
            "customer_count",
            "units_sold",
            "total_revenue",
            "avg_order_value",
            "revenue_7d_avg",
        ],
    ),
}


def gold_tables(
    silver: Mapping[str, list[Row]], run_date: date, mask_key: bytes
) -> dict[str, Table]:
    """The five tables; `silver` has staged rows by the name of their raw table."""
    customers = {row["customer_id"]: row for row in silver["raw_customers"]}
    orders = [row for row in silver["raw_orders"] if row["order_dt"] <= run_date]
    placed = {row["order_id"]: row for row in orders}
    items: dict[str, list[Row]] = defaultdict(list)
    for row in silver["raw_order_items"]:
        if row["order_id"] in placed:
            items[row["order_id"]].append(row)
    rows = {
        "customer_orders": customer_orders(orders, customers, items, mask_key),
        "revenue": revenue(orders, customers),
        "product_performance": product_performance(silver["raw_products"], placed, items),
        "customer_lifetime_value": lifetime_value(customers, orders, run_date),
        "daily_sales_summary": daily_summary(orders, items, run_date),
    }
    tables = {}
    for name, (key_length, columns) in GOLD.items():
        key = columns[:key_length] or ["order_id"]
        tables[f"gold.{name}"] = table_of(columns, rows[name], key)
    return tables


def masked(value: str | None, key: bytes) -> str | None:
    """What gold shows of a name or an e-mail address."""
    return None if value is None else hmac.new(key, value.encode(), hashlib.sha256).hexdigest()


def is_sale(order: Row) -> bool:
    """Whether an order earned money."""
    return order["status"] not in NO_SALE


def customer_orders(
    orders: Iterable[Row],
    customers: Mapping[str, Row],
    items: Mapping[str, list[Row]],
    mask_key: bytes,
) -> list[Row]:
    """A row an order."""
    rows = []
    for order in orders:
        customer, lines = customers[order["customer_id"]], items.get(order["order_id"], [])
        calculated = total(line["line_total"] for line in lines)
        amount = order["total_amount"]
        rows.append(
            {
                "customer_id": order["customer_id"],
                "customer_name": masked(customer["name"], mask_key),
                "customer_email": masked(customer["email"], mask_key),
                "customer_segment": customer["segment"],
                "customer_region": customer["region"],
                "order_id": order["order_id"],
                "order_status": order["status"],
                "order_dt": order["order_dt"],
                "order_region": order["region"],
                "order_total": amount,
                "product_count": len({line["product_id"] for line in lines}),
                "item_count": count_sum(line["quantity"] for line in lines),
                "calculated_total": calculated,
                "has_amount_mismatch": None
                if amount is None
                else abs(amount - calculated) > Decimal("0.01"),
            }
        )
    return rows


def revenue(orders: Iterable[Row], customers: Mapping[str, Row]) -> list[Row]:
    """A row a day, region, status and segment."""
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for order in orders:
        segment = customers[order["customer_id"]]["segment"]
        groups[order["region"], order["status"], segment, order["order_dt"]].append(order)
    sums = {key: total(order["total_amount"] for order in of) for key, of in groups.items()}
    rows = []
    running: dict[tuple[Any, ...], Decimal] = defaultdict(lambda: Decimal("0.00"))
    for key in sorted(groups):
        *group, day = key
        running[tuple(group)] += sums[key]
        before = sums.get((*group, day - WEEK))
        growth = None if before is None else ratio(100 * (sums[key] - before), before)
        rows.append(
            {
                **dict(zip(("region", "status", "segment"), group, strict=True)),
                "order_dt": day,
                "order_count": len(groups[key]),
                "customer_count": len({order["customer_id"] for order in groups[key]}),
                "total_revenue": sums[key],
                "avg_order_value": ratio(sums[key], len(groups[key])),
                "cumulative_revenue": running[tuple(group)],
                "revenue_7d_ago": before,
                "wow_growth_pct": growth,
            }
        )
    return rows


def product_performance(
    products: Iterable[Row], placed: Mapping[str, Row], items: Mapping[str, list[Row]]
) -> list[Row]:
    """A row a product, sold or not."""
    sold: dict[str, list[tuple[Row, Row]]] = defaultdict(list)
    for order_id, lines in items.items():
        for line in lines:
            if is_sale(placed[order_id]):
                sold[line["product_id"]].append((placed[order_id], line))
    rows = [_product(product, sold.get(product["product_id"], [])) for product in products]
    by_category: dict[str, list[Decimal]] = defaultdict(list)
    for row in rows:
        by_category[row["category"]].append(row["total_revenue"])
    first_place = {name: _places(amounts) for name, amounts in by_category.items()}
    return [
        {**row, "category_rank": first_place[row["category"]][row["total_revenue"]]} for row in rows
    ]


def _places(amounts: Iterable[Decimal]) -> dict[Decimal, int]:
    """The rank of each amount, the greatest first; equal ones share the first of their places."""
    places: dict[Decimal, int] = {}
    for place, amount in enumerate(sorted(amounts, reverse=True), start=1):
        places.setdefault(amount, place)
    return places


def _product(product: Row, sold: list[tuple[Row, Row]]) -> Row:
    units = count_sum(line["quantity"] for _, line in sold)
    amount = total(line["line_total"] for _, line in sold)
    listed = None if product["price"] is None else product["price"] * units
    days_sold = [order["order_dt"] for order, _ in sold]
    prices = [line["unit_price"] for _, line in sold if line["unit_price"] is not None]
    completed = [(order, line) for order, line in sold if order["status"] == "completed"]
    return {
        "product_id": product["product_id"],
        "product_name": product["name"],
        "category": product["category"],
        "list_price": product["price"],
        "order_count": len({order["order_id"] for order, _ in sold}),
        "units_sold": units,
        "total_revenue": amount,
        "avg_selling_price": ratio(amount, units),
        "min_selling_price": min(prices, default=None),
        "max_selling_price": max(prices, default=None),
        "avg_discount_pct": None if listed is None else ratio(100 * (listed - amount), listed),
        "completed_order_count": len({order["order_id"] for order, _ in completed}),
        "completed_revenue": total(line["line_total"] for _, line in completed),
        "first_sale_dt": min(days_sold, default=None),
        "last_sale_dt": max(days_sold, default=None),
    }


def lifetime_value(
    customers: Mapping[str, Row], orders: Iterable[Row], run_date: date
) -> list[Row]:
    """A row a customer, with orders or without."""
    sales = _grouped((order for order in orders if is_sale(order)), lambda o: o["customer_id"])
    rows = []
    for customer_id, customer in customers.items():
        bought = sales.get(customer_id, [])
        amount = total(order["total_amount"] for order in bought)
        first = min((order["order_dt"] for order in bought), default=None)
        rows.append(
            {
                "customer_id": customer_id,
                "segment": customer["segment"],
                "region": customer["region"],
                "order_count": len(bought),
                "total_revenue": amount,
                "avg_order_value": ratio(amount, len(bought)),
                "first_order_dt": first,
                "last_order_dt": max((order["order_dt"] for order in bought), default=None),
                "tenure_days": None if first is None else (run_date - first).days,
            }
        )
    return rows


def daily_summary(
    orders: Iterable[Row], items: Mapping[str, list[Row]], run_date: date
) -> list[Row]:
    """A row a day from the first order of any status to the run date."""
    placed = list(orders)
    if not placed:
        return []
    sales = _grouped((order for order in placed if is_sale(order)), lambda o: o["order_dt"])
    rows: list[Row] = []
    for day in days(min(order["order_dt"] for order in placed), run_date):
        sold = sales.get(day, [])
        amount = total(order["total_amount"] for order in sold)
        week = [*(row["total_revenue"] for row in rows[-6:]), amount]
        rows.append(
            {
                "order_dt": day,
                "order_count": len(sold),
                "customer_count": len({order["customer_id"] for order in sold}),
                "units_sold": count_sum(
                    line["quantity"] for o in sold for line in items.get(o["order_id"], [])
                ),
                "total_revenue": amount,
                "avg_order_value": ratio(amount, len(sold)),
                "revenue_7d_avg": ratio(total(week), len(week)),
            }
        )
    return rows


def _grouped(rows: Iterable[Row], key: Callable[[Row], Any]) -> dict[Any, list[Row]]:
    groups: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return groups
