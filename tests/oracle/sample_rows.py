"""Small hand-made bronze for the oracle's own tests.

Belongs here: one valid raw row per table, to be varied. Does not: assertions, real data.
"""

from datetime import date
from typing import Any

from .schema import CONTRACTS
from .table import Row

RUN_DATE = date(2024, 1, 14)

_DEFAULTS: dict[str, Row] = {
    "customers": {"customer_id": "C1", "signup_date": "2023-05-01", "is_guest": False},
    "product_catalog": {
        "product_id": 1,
        "product_name": "Lamp",
        "category": "Home",
        "unit_price": 10.0,
        "cost_price": 4.0,
        "inventory_quantity": 20,
    },
    "orders": {
        "order_id": "O1",
        "customer_id": "C1",
        "order_date": "2024-01-10T12:00:00",
        "order_channel": "Web",
        "gross_total": 12.0,
        "net_total": 10.0,
        "total_discount_amount": 2.0,
    },
    "order_items": {"order_id": "O1", "product_id": 1, "quantity": 1, "unit_price": 10.0},
    "shopping_carts": {
        "cart_id": "K1",
        "customer_id": "C1",
        "created_at": "2024-01-10T10:00:00",
        "cart_total": 12.0,
    },
    "cart_items": {
        "cart_item_id": 1,
        "cart_id": "K1",
        "product_id": 1,
        "quantity": 1,
        "unit_price": 10.0,
    },
    "returns": {
        "return_id": "R1",
        "order_id": "O1",
        "customer_id": "C1",
        "return_date": "2024-01-12",
        "refunded_amount": 3.0,
    },
    "return_items": {
        "return_item_id": 1,
        "return_id": "R1",
        "order_id": "O1",
        "product_id": 1,
        "quantity_returned": 1,
        "refunded_amount": 3.0,
    },
}


def raw(table: str, **changes: Any) -> Row:
    """A raw bronze row with every column; what is not given is a valid default or None."""
    columns = CONTRACTS[table].raw_columns
    unknown = changes.keys() - set(columns)
    if unknown:
        raise KeyError(f"{table} has no column {sorted(unknown)}")
    row = dict.fromkeys(columns)
    audit = {"ingestion_ts": "2024-01-13T02:00:00Z", "event_id": "e", "batch_id": "b"}
    return {**row, **audit, **_DEFAULTS[table], **changes}


def shop(**tables: list[Row]) -> dict[str, list[Row]]:
    """Bronze with one customer and one product, and the tables given."""
    base = {"customers": [raw("customers")], "product_catalog": [raw("product_catalog")]}
    return {**{name: [] for name in CONTRACTS}, **base, **tables}
