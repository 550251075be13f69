"""A made-up shop's customers, products, orders and order items, as the texts that retail receives.

Belongs here: clean rows, and writing all of them as one CSV file a table. Does not belong here:
what is wrong with the others (`retail_dirt.py`).
"""

from __future__ import annotations

import csv
import datetime as dt
import random
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from tasks.sample_data.names import FIRST_NAMES, LAST_NAMES, MAIL_DOMAINS, STATES
from tasks.sample_data.plan import DEFAULT_FIRST_DAY
from tasks.sample_data.retail_dirt import Row, spoiled
from tasks.sample_data.write import SampleSummary

COLUMNS: dict[str, tuple[str, ...]] = {
    "raw_customers": ("customer_id", "name", "email", "segment", "region", "created_at"),
    "raw_products": ("product_id", "name", "category", "price"),
    "raw_orders": ("order_id", "customer_id", "status", "region", "total_amount", "created_at"),
    "raw_order_items": ("order_item_id", "order_id", "product_id", "quantity", "unit_price"),
}
_SEGMENTS = ("consumer", "corporate", "home office", None)
_CATEGORIES = ("Home Ware", "home  ware", "Toys", "GARDEN\tTools", "Books", None)
_STATUSES = (
    *("completed",) * 6,
    *("Delivered", "complete", "shipped", "processing", "CREATED", "invoiced"),
    *("canceled", "cancelled", "unavailable", "failed", "error", "lost", None),
)
_GOODS = ("Cup", "Pot", "Pan", "Kite", "Spade", "Lamp", "Atlas", "Bowl")


def write_retail(
    out: Path,
    *,
    orders: int,
    days: int,
    seed: int = 0,
    dirt: float = 0.02,
    first_day: dt.date = DEFAULT_FIRST_DAY,
) -> SampleSummary:
    """Write `raw_customers.csv` and its like into `out`: so many orders over so many days.

    `dirt` is the share of rows with a fault, copies among them. The same arguments give the same
    bytes. Raises ValueError for impossible sizes.
    """
    if orders < 1 or days < 1 or not 0 <= dirt <= 1:
        raise ValueError("orders and days are at least 1, dirt lies between 0 and 1")
    rows: dict[str, int] = {}
    size = 0
    out.mkdir(parents=True, exist_ok=True)
    for table, clean in retail_rows(orders, days, seed, first_day).items():
        found = list(spoiled(table, clean, dirt, random.Random(f"{seed} {table}")))  # noqa: S311
        path = out / f"{table}.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS[table], lineterminator="\n")
            writer.writeheader()
            writer.writerows(found)
        rows[table] = len(found)
        size += path.stat().st_size
    last = first_day + dt.timedelta(days=days - 1)
    return SampleSummary(rows, len(rows), size, first_day, last)


def retail_rows(orders: int, days: int, seed: int, first_day: dt.date) -> dict[str, list[Row]]:
    """Return the clean rows by table."""
    chance = random.Random(f"{seed} shop")  # noqa: S311 - made-up data
    customers = list(_customers(chance, max(1, orders // 2), first_day))
    products = list(_products(chance, max(1, orders // 10)))
    placed: list[Row] = []
    items: list[Row] = []
    for number in range(1, orders + 1):
        order, lines = _order(chance, number, customers, products, first_day, days)
        placed.append(order)
        items += lines
    return {
        "raw_customers": customers,
        "raw_products": products,
        "raw_orders": placed,
        "raw_order_items": items,
    }


def _customers(chance: random.Random, count: int, first_day: dt.date) -> Iterator[Row]:
    for number in range(1, count + 1):
        first, last = chance.choice(FIRST_NAMES), chance.choice(LAST_NAMES)
        email = f"{first[:2].lower()}{number}@{chance.choice(MAIL_DOMAINS)}"
        since = first_day - dt.timedelta(days=chance.randrange(400))
        yield {
            "customer_id": f"C{number:05d}",
            "name": f"{first} {last}",
            "email": chance.choice((email, email.upper(), f" {email} ", None)),
            "segment": chance.choice(_SEGMENTS),
            "region": chance.choice((*STATES, None)),
            "created_at": chance.choice((since.isoformat(), f"{since}T08:15:00Z", None)),
        }


def _products(chance: random.Random, count: int) -> Iterator[Row]:
    for number in range(1, count + 1):
        price = Decimal(chance.randrange(99, 20_000)) / 100
        yield {
            "product_id": f"P{number:04d}",
            "name": f"{chance.choice(_GOODS)} {number}",
            "category": chance.choice(_CATEGORIES),
            "price": chance.choice((str(price), f"{price}0", None)),
        }


def _order(
    chance: random.Random,
    number: int,
    customers: list[Row],
    products: list[Row],
    first_day: dt.date,
    days: int,
) -> tuple[Row, list[Row]]:
    order_id, items, total = f"O{number:06d}", [], Decimal(0)
    for line in range(chance.choice((0, 1, 1, 1, 2, 2, 3))):
        quantity, price = chance.randrange(1, 5), Decimal(chance.randrange(99, 20_000)) / 100
        total += quantity * price
        items.append(
            {
                "order_item_id": f"{order_id}-{line + 1}",
                "order_id": order_id,
                "product_id": chance.choice(products)["product_id"],
                "quantity": chance.choice((str(quantity), f"{quantity}.0")),
                "unit_price": str(price),
            }
        )
    if chance.random() < 0.05:  # noqa: PLR2004 - the till was mistaken
        total += Decimal("0.02")
    moment = dt.datetime.combine(first_day, dt.time()) + dt.timedelta(
        minutes=chance.randrange(days * 24 * 60)
    )
    stamp = chance.choice(
        ("{:%Y-%m-%dT%H:%M:%SZ}", "{:%Y-%m-%d %H:%M}", "{:%Y-%m-%d %H:%M:%S+0000}")
    )
    order = {
        "order_id": order_id,
        "customer_id": chance.choice(customers)["customer_id"],
        "status": chance.choice(_STATUSES),
        "region": chance.choice((*STATES, None, "n/a")),
        "total_amount": str(total),
        "created_at": stamp.format(moment),
    }
    return order, items
