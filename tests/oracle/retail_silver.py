"""Silver of the retail contract: rules, foreign keys, duplicates, staging columns, accounting.

Belongs here: what becomes of a raw row. Does not: reading files (`retail`), sums (`retail_gold`).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from .table import Row, Table, table_of
from .values import INT64, day_of, lower_text, rank, round_money, text, timestamp

RAW: dict[str, list[str]] = {
    "raw_customers": ["customer_id", "name", "email", "segment", "region", "created_at"],
    "raw_products": ["product_id", "name", "category", "price"],
    "raw_orders": ["order_id", "customer_id", "status", "region", "total_amount", "created_at"],
    "raw_order_items": ["order_item_id", "order_id", "product_id", "quantity", "unit_price"],
}
SILVER: dict[str, list[str]] = {
    "stg_customers": RAW["raw_customers"],
    "stg_products": RAW["raw_products"],
    "stg_orders": [*RAW["raw_orders"], "order_dt"],
    "stg_order_items": [*RAW["raw_order_items"], "line_total"],
}
PARENTS: dict[str, list[tuple[str, str]]] = {
    "raw_customers": [],
    "raw_products": [],
    "raw_orders": [("customer_id", "raw_customers")],
    "raw_order_items": [("order_id", "raw_orders"), ("product_id", "raw_products")],
}
LATEST_BY = {"raw_customers": "created_at", "raw_orders": "created_at"}
UNKNOWN = "unknown"
STATUSES = {
    **dict.fromkeys(("completed", "complete", "delivered"), "completed"),
    **dict.fromkeys(
        ("pending", "processing", "created", "approved", "invoiced", "shipped"), "pending"
    ),
    **dict.fromkeys(("cancelled", "canceled", "unavailable"), "cancelled"),
    **dict.fromkeys(("failed", "error"), "failed"),
}
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_EMAIL = re.compile(r"^[^@]+@[^@]+\.[^@]+$")

Rule = Callable[[Row], bool]


def number(raw: Any) -> Decimal | None:
    """A finite decimal; NULL for what is none."""
    value = text(raw)
    if value is None or _NUMBER.fullmatch(value) is None:
        return None
    try:
        return Decimal(value)
    except InvalidOperation:
        return None


def _given(column: str) -> Rule:
    return lambda row: text(row[column]) is not None


def _amount(column: str, *, required: bool) -> Rule:
    def holds(row: Row) -> bool:
        if text(row[column]) is None:
            return not required
        value = number(row[column])
        return value is not None and value >= 0

    return holds


def _moment(column: str, *, required: bool) -> Rule:
    def holds(row: Row) -> bool:
        if text(row[column]) is None:
            return not required
        return timestamp(row[column]) is not None

    return holds


def _quantity(row: Row) -> bool:
    value = number(row["quantity"])
    return value is not None and value > 0 and value == value.to_integral_value()


def _email(row: Row) -> bool:
    value = text(row["email"])
    return value is None or _EMAIL.match(value) is not None


RULES: dict[str, dict[str, Rule]] = {
    "raw_customers": {
        "missing_customer_id": _given("customer_id"),
        "invalid_email": _email,
        "invalid_created_at": _moment("created_at", required=False),
    },
    "raw_products": {
        "missing_product_id": _given("product_id"),
        "invalid_price": _amount("price", required=False),
    },
    "raw_orders": {
        "missing_order_id": _given("order_id"),
        "missing_customer_id": _given("customer_id"),
        "invalid_total_amount": _amount("total_amount", required=True),
        "invalid_created_at": _moment("created_at", required=True),
    },
    "raw_order_items": {
        "missing_order_item_id": _given("order_item_id"),
        "missing_order_id": _given("order_id"),
        "missing_product_id": _given("product_id"),
        "invalid_quantity": _quantity,
        "invalid_unit_price": _amount("unit_price", required=True),
    },
}


@dataclass
class Refined:
    """What became of the raw rows of one table; `rows` are silver, `quarantined` as received."""

    bronze: int = 0
    rows: list[Row] = field(default_factory=list)
    quarantined: list[Row] = field(default_factory=list)
    superseded: int = 0
    keys: set[str] = field(default_factory=set)


def refine_all(received: Mapping[str, Sequence[tuple[int, Row]]]) -> dict[str, Refined]:
    """Judge, link, deduplicate and stage every table; `received` has (ingestion, row) by table."""
    refined: dict[str, Refined] = {}
    for name in RAW:
        refined[name] = _refined(name, received[name], refined)
    return refined


def _refined(
    name: str, received: Sequence[tuple[int, Row]], parents: Mapping[str, Refined]
) -> Refined:
    result = Refined(bronze=len(received))
    winners: dict[str, tuple[tuple[Any, ...], Row]] = {}
    key = RAW[name][0]
    for ingestion, raw in received:
        reasons = [rule for rule, holds in RULES[name].items() if not holds(raw)]
        if not reasons:
            reasons = [
                f"{column}_orphan"
                for column, parent in PARENTS[name]
                if text(raw[column]) not in parents[parent].keys
            ]
        if reasons:
            result.quarantined.append({**raw, "quarantine_reasons": reasons})
            continue
        row = typed(name, raw)
        latest = rank(row[LATEST_BY[name]]) if name in LATEST_BY else ()
        order = (ingestion, latest, *(rank(row[column]) for column in RAW[name]))
        holder = winners.get(row[key])
        if holder is not None:
            result.superseded += 1
        if holder is None or holder[0] < order:
            winners[row[key]] = (order, row)
    result.rows = [staged(name, row) for _, row in winners.values()]
    result.keys = set(winners)
    return result


def typed(name: str, raw: Row) -> Row:
    """The row with its texts trimmed and its values cast; what does not fit is NULL."""
    row: Row = {column: text(raw[column]) for column in RAW[name]}
    for column in ("price", "total_amount", "unit_price"):
        if column in row:
            value = number(raw[column])
            row[column] = None if value is None else round_money(value)
    if "created_at" in row:
        row["created_at"] = timestamp(raw["created_at"])
    if "email" in row:
        row["email"] = lower_text(raw["email"])
    if "quantity" in row:
        value = number(raw["quantity"])
        row["quantity"] = int(value) if value is not None and int(value) in INT64 else None
    return row


def staged(name: str, row: Row) -> Row:
    """The columns of the staging view."""
    if name == "raw_customers":
        return {**row, "segment": row["segment"] or UNKNOWN, "region": row["region"] or UNKNOWN}
    if name == "raw_products":
        category = row["category"]
        folded = UNKNOWN if category is None else re.sub(r"\s+", "_", category.lower())
        return {**row, "category": folded}
    if name == "raw_orders":
        return {
            **row,
            "status": STATUSES.get((row["status"] or "").lower(), UNKNOWN),
            "region": row["region"] or UNKNOWN,
            "order_dt": day_of(row["created_at"]),
        }
    known = row["quantity"] is not None and row["unit_price"] is not None
    return {
        **row,
        "line_total": round_money(row["quantity"] * row["unit_price"]) if known else None,
    }


def silver_tables(refined: Mapping[str, Refined]) -> dict[str, Table]:
    """`silver.stg_orders`, `silver.raw_orders_quarantine` and their like."""
    tables = {}
    for (name, result), (view, columns) in zip(refined.items(), SILVER.items(), strict=True):
        tables[f"silver.{view}"] = table_of(columns, result.rows, columns[:1])
        kept = [*RAW[name], "quarantine_reasons"]
        tables[f"silver.{name}_quarantine"] = table_of(kept, result.quarantined, kept[:1])
    return tables


def accounting(refined: Mapping[str, Refined]) -> Table:
    """One row a table: table, bronze, rows, quarantined, superseded (counts)."""
    rows = [
        {
            "table": view,
            "bronze": result.bronze,
            "rows": len(result.rows),
            "quarantined": len(result.quarantined),
            "superseded": result.superseded,
        }
        for result, view in zip(refined.values(), SILVER, strict=True)
    ]
    return table_of(list(rows[0]), rows, ["table"])
