"""Enriched tables about orders and carts: attribution, carts, shipping, regions.

Belongs here: attributed_purchases, cart_attribution, shipping_economics, regional_financials.
Every function takes typed silver rows by table name and returns row dicts without `run_date`.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from .table import Row
from .values import hours_between, rank, ratio, round_money, total

Silver = Mapping[str, list[Row]]

ATTRIBUTION_WINDOW = timedelta(hours=48)
RECOVERY_GAP = timedelta(hours=1)
EXPEDITED_SPEEDS = ("two-day", "overnight")
STATE_BEFORE_ZIP = re.compile(r"(?:^|[\s,])([A-Za-z]{2}),?\s+\d{5}(-\d{4})?$")


def grouped(rows: Iterable[Row], *columns: str) -> dict[Any, list[Row]]:
    """Rows by the value of one column, or by the tuple of several."""
    groups: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        key = row[columns[0]] if len(columns) == 1 else tuple(row[name] for name in columns)
        groups[key].append(row)
    return groups


def known(value: str | None) -> str:
    """A text key of a grouped table: NULL becomes `unknown`."""
    return "unknown" if value is None else value


def order_precedence(order: Row) -> tuple[Any, ...]:
    """Orders in time: order_date, then order_id."""
    return (rank(order["order_date"]), rank(order["order_id"]))


def _is_empty(cart: Row, items: list[Row]) -> bool:
    return not items and not cart["cart_total"]  # NULL or 0


def winning_carts(silver: Silver) -> dict[str, Row]:
    """The cart of each order that has one, by order_id."""
    items_of = grouped(silver["cart_items"], "cart_id")
    orders_of = {
        customer: sorted(orders, key=order_precedence)
        for customer, orders in grouped(silver["orders"], "customer_id").items()
    }
    winners: dict[str, Row] = {}
    for cart in silver["shopping_carts"]:
        if _is_empty(cart, items_of.get(cart["cart_id"], [])):
            continue
        last = cart["created_at"] + ATTRIBUTION_WINDOW
        order = next(
            (
                order
                for order in orders_of.get(cart["customer_id"], [])
                if cart["created_at"] <= order["order_date"] <= last
            ),
            None,
        )
        if order is None:
            continue
        holder = winners.get(order["order_id"])
        if holder is None or _cart_precedence(cart) > _cart_precedence(holder):
            winners[order["order_id"]] = cart
    return winners


def _cart_precedence(cart: Row) -> tuple[Any, ...]:
    return (rank(cart["created_at"]), rank(cart["cart_id"]))


def attributed_purchases(silver: Silver) -> list[Row]:
    """A row an order, with the cart that led to it."""
    winners = winning_carts(silver)
    rows = []
    for order in silver["orders"]:
        cart = winners.get(order["order_id"])
        touched = None if cart is None else cart["updated_at"] or cart["created_at"]
        rows.append(
            {
                **{
                    name: order[name]
                    for name in (
                        "order_id",
                        "customer_id",
                        "order_date",
                        "order_dt",
                        "order_channel",
                        "net_total",
                    )
                },
                "cart_id": cart and cart["cart_id"],
                "cart_created_at": cart and cart["created_at"],
                "cart_total": cart and cart["cart_total"],
                "hours_to_purchase": cart
                and hours_between(cart["created_at"], order["order_date"]),
                "is_attributed": cart is not None,
                "is_recovered": touched is not None
                and order["order_date"] - touched >= RECOVERY_GAP,
            }
        )
    return rows


def cart_attribution(silver: Silver, products: Mapping[int, Row], run_date: date) -> list[Row]:
    """A row a cart, with its status and the order that it became."""
    items_of = grouped(silver["cart_items"], "cart_id")
    order_by_id = {order["order_id"]: order for order in silver["orders"]}
    order_of = {
        cart["cart_id"]: order_by_id[order_id] for order_id, cart in winning_carts(silver).items()
    }
    end_of_run = datetime.combine(run_date + timedelta(days=1), datetime.min.time())
    rows = []
    for cart in silver["shopping_carts"]:
        items = items_of.get(cart["cart_id"], [])
        order = order_of.get(cart["cart_id"])
        value = cart["cart_total"]
        if value is None:
            value = total(item["quantity"] * item["unit_price"] for item in items)
        if order is not None:
            status = "converted"
        elif _is_empty(cart, items):
            status = "empty"
        elif cart["created_at"] + ATTRIBUTION_WINDOW >= end_of_run:
            status = "open"
        else:
            status = "abandoned"
        # Names and categories are the snapshot's, also of products in a cart.
        categories = {products.get(item["product_id"], {}).get("category") for item in items}
        rows.append(
            {
                "cart_id": cart["cart_id"],
                "customer_id": cart["customer_id"],
                "created_at": cart["created_at"],
                "created_dt": cart["created_dt"],
                "cart_value": value,
                "item_count": len(items),
                "category_count": len(categories - {None}),
                "cart_status": status,
                "order_id": order and order["order_id"],
                "order_date": order and order["order_date"],
                "order_channel": order and order["order_channel"],
                "time_to_purchase_hours": order
                and hours_between(cart["created_at"], order["order_date"]),
                "abandoned_value": value if status == "abandoned" else None,
            }
        )
    return rows


def shipping_economics(silver: Silver) -> list[Row]:
    """A row an order: what shipping was charged, what it cost."""
    rows = []
    for order in silver["orders"]:
        charged, actual = order["shipping_cost"], order["actual_shipping_cost"]
        margin = None if charged is None or actual is None else charged - actual
        rows.append(
            {
                "order_id": order["order_id"],
                "order_dt": order["order_dt"],
                "order_channel": order["order_channel"],
                "shipping_speed": order["shipping_speed"],
                "is_expedited": order["shipping_speed"] in EXPEDITED_SPEEDS,
                "shipping_cost": charged,
                "actual_shipping_cost": actual,
                "shipping_margin": margin,
                "shipping_margin_rate": ratio(margin, charged),
            }
        )
    return rows


def region_of(order: Row) -> str:
    """`US-XX` from the first address present, shipping before billing; else `UNKNOWN`."""
    address = order["shipping_address"]
    if address is None:
        address = order["billing_address"]
    found = None if address is None else STATE_BEFORE_ZIP.search(address)
    return "UNKNOWN" if found is None else f"US-{found.group(1).upper()}"


def regional_financials(silver: Silver, tax_rates: Mapping[str, Decimal]) -> list[Row]:
    """dt x region x order_channel: orders on their day, refunds on theirs."""
    place = {
        order["order_id"]: (region_of(order), known(order["order_channel"]))
        for order in silver["orders"]
    }
    orders_at: dict[Any, list[Row]] = defaultdict(list)
    returns_at: dict[Any, list[Row]] = defaultdict(list)
    for order in silver["orders"]:
        orders_at[(order["order_dt"], *place[order["order_id"]])].append(order)
    for back in silver["returns"]:
        returns_at[(back["return_dt"], *place[back["order_id"]])].append(back)
    rows = []
    for key in orders_at.keys() | returns_at.keys():
        dt, region, channel = key
        orders, returns = orders_at.get(key, []), returns_at.get(key, [])
        net = total(order["net_total"] for order in orders)
        rate = tax_rates.get(region, Decimal(0))
        tax = round_money(net * rate)
        rows.append(
            {
                "dt": dt,
                "region": region,
                "order_channel": channel,
                "orders_count": len(orders),
                "customers_count": len({order["customer_id"] for order in orders}),
                "gross_revenue": total(order["gross_total"] for order in orders),
                "discount_total": total(order["total_discount_amount"] for order in orders),
                "net_revenue": net,
                "tax_rate": float(rate),
                "tax_amount": tax,
                "revenue_after_tax": None if tax is None else net - tax,
                "refunded_amount": total(back["refunded_amount"] for back in returns),
            }
        )
    return rows
