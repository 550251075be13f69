"""An independent, plain-Python reference of the retail contract, for tests to compare with.

Belongs here: raw rows from the shop's own files and from those of Olist, and the order in which the
layers are computed. It shares no code with the production pipeline on purpose. Quarantined rows are
without audit columns, run_id and the model's message.
"""

import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal, localcontext
from pathlib import Path

from . import EXACT_DIGITS
from .retail_gold import gold_tables
from .retail_silver import RAW, accounting, refine_all, silver_tables
from .table import Row, Table

Delivery = Mapping[str, Sequence[Row]]


def retail_outputs(
    deliveries: Sequence[Delivery], run_date: date, mask_key: bytes
) -> dict[str, Table]:
    """Everything that a run of `run_date` publishes when `deliveries` have landed, oldest first.

    A delivery has raw rows by table name. Beside the published tables, `accounting` holds counts.
    """
    received: dict[str, list[tuple[int, Row]]] = {name: [] for name in RAW}
    for number, delivery in enumerate(deliveries):
        for name, rows in delivery.items():
            received[name] += [(number, row) for row in rows]
    with localcontext() as context:
        context.prec = EXACT_DIGITS
        refined = refine_all(received)
        silver = {name: result.rows for name, result in refined.items()}
        return {
            **silver_tables(refined),
            **gold_tables(silver, run_date, mask_key),
            "accounting": accounting(refined),
        }


def own_files(folder: Path) -> dict[str, list[Row]]:
    """The rows of raw_customers.csv and its like."""
    return {name: read_csv(folder / f"{name}.csv") for name in RAW}


def read_csv(path: Path) -> list[Row]:
    """Rows as texts; an empty field is NULL, a byte order mark is none of the header."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [{k: v or None for k, v in row.items()} for row in csv.DictReader(file)]


def olist_files(folder: Path) -> dict[str, list[Row]]:
    """What the files of Olist mean as raw rows."""
    customers = read_csv(folder / "olist_customers_dataset.csv")
    orders = read_csv(folder / "olist_orders_dataset.csv")
    items = read_csv(folder / "olist_order_items_dataset.csv")
    products = read_csv(folder / "olist_products_dataset.csv")
    english = {
        row["product_category_name"]: row["product_category_name_english"]
        for row in read_csv(folder / "product_category_name_translation.csv")
    }
    order_of = {row["customer_id"]: row for row in orders}
    person_of = {row["customer_id"]: row for row in customers}
    prices: dict[str, list[Decimal]] = defaultdict(list)
    for row in items:
        prices[row["order_id"]].append(Decimal(row["price"]))
    none: Row = {}
    return {
        "raw_customers": [
            {
                "customer_id": row["customer_unique_id"],
                "name": None,
                "email": None,
                "segment": None,
                "region": row["customer_state"],
                "created_at": order_of.get(row["customer_id"], none).get(
                    "order_purchase_timestamp"
                ),
            }
            for row in customers
        ],
        "raw_products": [
            {
                "product_id": row["product_id"],
                "name": None,
                "category": english.get(row["product_category_name"])
                or row["product_category_name"],
                "price": None,
            }
            for row in products
        ],
        "raw_orders": [
            {
                "order_id": row["order_id"],
                "customer_id": person_of.get(row["customer_id"], none).get("customer_unique_id"),
                "status": row["order_status"],
                "region": person_of.get(row["customer_id"], none).get("customer_state"),
                "total_amount": str(sum(prices.get(row["order_id"], []), start=Decimal(0))),
                "created_at": row["order_purchase_timestamp"],
            }
            for row in orders
        ],
        "raw_order_items": [
            {
                "order_item_id": f"{row['order_id']}-{row['order_item_id']}",
                "order_id": row["order_id"],
                "product_id": row["product_id"],
                "quantity": "1",
                "unit_price": row["price"],
            }
            for row in items
        ],
    }
