"""The enriched table about days: daily_business_metrics.

Belongs here: the gap-filled daily series and its anomaly flag. Takes typed silver rows by table
name and the rows of cart_attribution; returns row dicts without `run_date`.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from .enriched_orders import Silver, grouped
from .table import Row
from .values import days, ratio, total

SHORT_DAYS, LONG_DAYS = 7, 30
MIN_HISTORY_DAYS = 14
HALF_A_CENT = Decimal("0.005")


def conversion_rate(statuses: Sequence[str]) -> float | None:
    """converted / (converted + abandoned); NULL while a cart is open, or of nothing."""
    if "open" in statuses:
        return None
    converted = statuses.count("converted")
    return ratio(converted, converted + statuses.count("abandoned"))


def daily_business_metrics(silver: Silver, carts: Sequence[Row], run_date: date) -> list[Row]:
    """A row a day, gap-filled from the first order, cart or return to the run date."""
    orders_on = grouped(silver["orders"], "order_dt")
    carts_on = grouped(carts, "created_dt")
    returns_on = grouped(silver["returns"], "return_dt")
    present = orders_on.keys() | carts_on.keys() | returns_on.keys()
    calendar = days(min(present), run_date) if present else []
    order_counts = [len(orders_on.get(day, [])) for day in calendar]
    revenues = [total(order["net_total"] for order in orders_on.get(day, [])) for day in calendar]
    rows = []
    for index, day in enumerate(calendar):
        orders, returns = orders_on.get(day, []), returns_on.get(day, [])
        statuses = [cart["cart_status"] for cart in carts_on.get(day, [])]
        week = slice(max(0, index - SHORT_DAYS + 1), index + 1)
        before = revenues[max(0, index - LONG_DAYS) : index]
        mean = sum(before, Decimal(0)) / len(before) if before else None
        deviation = _sample_deviation(before)
        rows.append(
            {
                "dt": day,
                "orders_count": len(orders),
                "customers_count": len({order["customer_id"] for order in orders}),
                "gross_revenue": total(order["gross_total"] for order in orders),
                "net_revenue": revenues[index],
                "avg_order_value": ratio(revenues[index], len(orders)),
                "carts_created": len(statuses),
                "carts_converted": statuses.count("converted"),
                "carts_abandoned": statuses.count("abandoned"),
                "cart_conversion_rate": conversion_rate(statuses),
                "returns_count": len(returns),
                "return_rate": ratio(len(returns), len(orders)),
                "refund_total": total(back["refunded_amount"] for back in returns),
                "orders_7d_avg": ratio(sum(order_counts[week]), len(order_counts[week])),
                "revenue_7d_avg": ratio(total(revenues[week]), len(revenues[week])),
                "revenue_30d_avg": None if mean is None else float(mean),
                "revenue_30d_std": None if deviation is None else float(deviation),
                "revenue_anomaly": _anomaly(index, revenues[index], mean, deviation),
            }
        )
    return rows


def _sample_deviation(values: Sequence[Decimal]) -> Decimal | None:
    if len(values) < 2:
        return None
    mean = sum(values, Decimal(0)) / len(values)
    squares = sum(((value - mean) ** 2 for value in values), Decimal(0))
    return (squares / (len(values) - 1)).sqrt()


def _anomaly(
    days_before: int, revenue: Decimal, mean: Decimal | None, deviation: Decimal | None
) -> str:
    if days_before < MIN_HISTORY_DAYS or mean is None or deviation is None:
        return "INSUFFICIENT_HISTORY"
    if revenue > mean + 2 * deviation + HALF_A_CENT:
        return "HIGH"
    if revenue < mean - 2 * deviation - HALF_A_CENT:
        return "LOW"
    return "NORMAL"
