"""Enriched tables about customers: lifetime value and retention signals.

Belongs here: customer_lifetime_value, customer_retention_signals. Every function takes typed
silver rows by table name and the customers snapshot by id, and returns row dicts without
`run_date`.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal

from .enriched_orders import Silver, grouped, order_precedence
from .schema import GUEST_PREFIX
from .table import Row
from .values import ratio, total

CHURN_DAYS = 90
DANGER_FROM_DAYS = 30
NUDGE_AFTER_DAYS = 14
ENGAGEMENT_DAYS = 90
WHALE_CLV = HIGH_CLV = Decimal(500)
MEDIUM_CLV = Decimal(200)
WHALE_ORDERS = 5
BUCKETS = ("high", "medium", "low")


def customer_lifetime_value(
    silver: Silver, customers: Mapping[str, Row], run_date: date
) -> list[Row]:
    """A row a customer known from the snapshot or from orders."""
    orders_of = grouped(silver["orders"], "customer_id")
    returns_of_order = grouped(silver["returns"], "order_id")
    rows = []
    for customer_id in customers.keys() | orders_of.keys():
        customer = customers.get(customer_id, {})
        orders = sorted(orders_of.get(customer_id, []), key=order_precedence)
        returns = [back for order in orders for back in returns_of_order.get(order["order_id"], [])]
        spent = total(order["net_total"] for order in orders)
        refunded = total(back["refunded_amount"] for back in returns)
        first = orders[0]["order_dt"] if orders else None
        last = orders[-1]["order_dt"] if orders else None
        days_since = None if last is None else (run_date - last).days
        is_guest = customer.get("is_guest")
        rows.append(
            {
                "customer_id": customer_id,
                "is_guest": customer_id.startswith(GUEST_PREFIX) if is_guest is None else is_guest,
                "order_count": len(orders),
                "return_count": len(returns),
                "total_spent": spent,
                "total_refunded": refunded,
                "net_clv": spent - refunded,
                "avg_order_value": ratio(spent, len(orders)),
                "first_order_dt": first,
                "last_order_dt": last,
                "days_since_last_order": days_since,
                "cohort_month": None if first is None else first.replace(day=1),
                "customer_segment": segment(len(orders), days_since, spent - refunded),
                "predicted_clv_bucket": _predicted(customer, orders),
                "actual_clv_bucket": actual_bucket(spent - refunded),
            }
        )
    return rows


def segment(order_count: int, days_since: int | None, net_clv: Decimal) -> str:
    """The first segment that fits."""
    if order_count == 0 or days_since is None:
        return "no_orders"
    if days_since >= CHURN_DAYS:
        return "churned"
    if order_count == 1:
        return "one_timer"
    if net_clv >= WHALE_CLV or order_count >= WHALE_ORDERS:
        return "whale"
    return "regular"


def actual_bucket(net_clv: Decimal) -> str:
    """high from 500, medium from 200, else low."""
    if net_clv >= HIGH_CLV:
        return "high"
    return "medium" if net_clv >= MEDIUM_CLV else "low"


def _predicted(customer: Row, orders: list[Row]) -> str:
    bucket = customer.get("clv_bucket")
    if bucket is None and orders:
        bucket = orders[-1]["clv_bucket"]
    return bucket if bucket in BUCKETS else "unknown"


def customer_retention_signals(
    silver: Silver, customers: Mapping[str, Row], run_date: date
) -> list[Row]:
    """A row a customer, as in customer_lifetime_value."""
    orders_of = grouped(silver["orders"], "customer_id")
    engaged_from = run_date - timedelta(days=ENGAGEMENT_DAYS - 1)
    rows = []
    for customer_id in customers.keys() | orders_of.keys():
        tier = customers.get(customer_id, {}).get("loyalty_tier")
        days = [order["order_dt"] for order in orders_of.get(customer_id, [])]
        first, last = (min(days), max(days)) if days else (None, None)
        since_first = None if first is None else (run_date - first).days
        since_last = None if last is None else (run_date - last).days
        rows.append(
            {
                "customer_id": customer_id,
                "loyalty_tier": tier,
                "total_orders": len(days),
                "first_purchase_dt": first,
                "last_purchase_dt": last,
                "days_since_first_buy": since_first,
                "days_since_last_buy": since_last,
                "is_in_danger_zone": since_last is not None
                and len(days) == 1
                and DANGER_FROM_DAYS <= since_last < CHURN_DAYS,
                "needs_bronze_nudge": since_last is not None
                and tier == "bronze"
                and since_last > NUDGE_AFTER_DAYS,
                "churn_risk_score": None
                if since_last is None
                else min(1.0, since_last / CHURN_DAYS),
                "engagement_score": sum(engaged_from <= day <= run_date for day in days),
            }
        )
    return rows
