"""What goes wrong with rows of the retail sample: each rule broken, copies, orphans.

Belongs here: kinds of faults, and how many rows get one. Does not belong here: clean rows.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping

Row = dict[str, str | None]

# {table: {fault: values to put in place}}; a fault of several columns spoils each of them.
_FAULTS: Mapping[str, Mapping[str, Mapping[str, tuple[str | None, ...]]]] = {
    "raw_customers": {
        "missing_customer_id": {"customer_id": (None, " ", "NULL")},
        "invalid_email": {"email": ("nobody", "a@b@example.com", "a@nodot")},
        "invalid_created_at": {"created_at": ("2024-02-30", "yesterday", "2024-01-01 25:00")},
        "all_wrong": {"customer_id": (None,), "email": ("x",), "created_at": ("x",)},
    },
    "raw_products": {
        "missing_product_id": {"product_id": (None, "nan")},
        "invalid_price": {"price": ("-1", "-0.001", "cheap", "1,50", "inf")},
    },
    "raw_orders": {
        "missing_order_id": {"order_id": (None, "none")},
        "missing_customer_id": {"customer_id": (None, "N/A")},
        "invalid_total_amount": {"total_amount": (None, "-5", "free", "nan")},
        "invalid_created_at": {"created_at": (None, "2024-13-01", "soon")},
        "customer_id_orphan": {"customer_id": ("C-nobody",)},
        "all_wrong": {"order_id": (None,), "total_amount": ("x",), "created_at": ("x",)},
    },
    "raw_order_items": {
        "missing_order_item_id": {"order_item_id": (None,)},
        "missing_order_id": {"order_id": (None,)},
        "missing_product_id": {"product_id": ("null",)},
        "invalid_quantity": {"quantity": (None, "0", "-1", "1.5", "two")},
        "invalid_unit_price": {"unit_price": (None, "-0.01", "x")},
        "order_id_orphan": {"order_id": ("O-nowhere",)},
        "product_id_orphan": {"product_id": ("P-nothing",)},
        "both_orphans": {"order_id": ("O-nowhere",), "product_id": ("P-nothing",)},
    },
}
_LATER = {"raw_customers": "created_at", "raw_orders": "created_at"}
_OTHER = {
    "raw_customers": ("region", "ZZ"),
    "raw_products": ("category", "zebra"),
    "raw_orders": ("status", "unknown"),
    "raw_order_items": ("quantity", "9"),
}


def spoiled(table: str, rows: Iterable[Row], dirt: float, chance: random.Random) -> Iterator[Row]:
    """Yield the rows, a share `dirt` of them with a fault or followed by another copy."""
    faults = list(_FAULTS[table].values())
    for row in rows:
        if chance.random() >= dirt:
            yield row
            continue
        kind = chance.randrange(len(faults) + 3)
        if kind < len(faults):
            yield {**row, **{name: chance.choice(to) for name, to in faults[kind].items()}}
        else:
            yield row
            yield _copy(table, row, kind - len(faults))


def _copy(table: str, row: Row, kind: int) -> Row:
    """The same row, one that differs in a column, or one that is newer but broken."""
    if kind == 0:
        return dict(row)
    column, value = _OTHER[table]
    copy = {**row, column: value}
    if table in _LATER:
        copy[_LATER[table]] = "2030-01-01T00:00:00Z"
    if kind == 1:
        return copy
    broken = next(iter(list(_FAULTS[table].values())[1].items()))
    return {**copy, broken[0]: broken[1][-1]}
