"""The eight gold facts, computed from the enriched tables.

Belongs here: grouping and re-aggregation of enriched rows. Does not: anything read from silver or
bronze. Takes enriched rows by table name; returns row dicts without `run_date`.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from .enriched_daily import conversion_rate
from .enriched_orders import grouped, known
from .table import Row
from .values import count_sum, ratio, total

Enriched = Mapping[str, list[Row]]

NO_CHANNEL = "none"
ALL_CHANNELS = "all"
ZERO = Decimal("0.00")


def _sum(rows: Iterable[Row], column: str) -> Decimal:
    return total(row[column] for row in rows)


def _keyed(rows: Iterable[Row], *columns: str) -> dict[Any, list[Row]]:
    """Rows grouped by day and text keys, a NULL text key standing as `unknown`."""
    filled = (
        {**row, **{name: known(row[name]) for name in columns if not name.endswith("dt")}}
        for row in rows
    )
    return grouped(filled, *columns)


def fct_finance_revenue(enriched: Enriched) -> list[Row]:
    """dt x order_channel."""
    financials = _keyed(enriched["regional_financials"], "dt", "order_channel")
    shipping = _keyed(enriched["shipping_economics"], "order_dt", "order_channel")
    rows = []
    for key in financials.keys() | shipping.keys():
        regions, shipped = financials.get(key, []), shipping.get(key, [])
        rows.append(
            {
                "dt": key[0],
                "order_channel": key[1],
                "orders_count": count_sum(row["orders_count"] for row in regions),
                **{
                    name: _sum(regions, name)
                    for name in (
                        "gross_revenue",
                        "discount_total",
                        "net_revenue",
                        "tax_amount",
                        "revenue_after_tax",
                        "refunded_amount",
                    )
                },
                "shipping_revenue": _sum(shipped, "shipping_cost"),
                "actual_shipping_cost": _sum(shipped, "actual_shipping_cost"),
                "shipping_margin": _sum(shipped, "shipping_margin"),
            }
        )
    return rows


def fct_marketing_attribution(enriched: Enriched, run_date: date) -> list[Row]:
    """dt x order_channel, and one row (run_date, `all`) with the customers at risk."""
    purchases = _keyed(enriched["attributed_purchases"], "order_dt", "order_channel")
    carts = _keyed(
        (
            {**cart, "order_channel": NO_CHANNEL} if cart["order_id"] is None else cart
            for cart in enriched["cart_attribution"]
        ),
        "created_dt",
        "order_channel",
    )
    rows = []
    for key in purchases.keys() | carts.keys():
        bought, left = purchases.get(key, []), carts.get(key, [])
        hours = [row["hours_to_purchase"] for row in bought if row["is_attributed"]]
        statuses = [row["cart_status"] for row in left]
        rows.append(
            {
                "dt": key[0],
                "order_channel": key[1],
                "orders_count": len(bought),
                "attributed_orders": len(hours),
                "recovered_orders": sum(row["is_recovered"] for row in bought),
                "avg_hours_to_purchase": ratio(sum(map(Fraction, hours)), len(hours)),
                "carts_converted": statuses.count("converted"),
                "carts_abandoned": statuses.count("abandoned"),
                "abandoned_value": _sum(left, "abandoned_value"),
                "at_risk_customers": None,
            }
        )
    signals = enriched["customer_retention_signals"]
    rows.append(
        {
            "dt": run_date,
            "order_channel": ALL_CHANNELS,
            "orders_count": 0,
            "attributed_orders": 0,
            "recovered_orders": 0,
            "avg_hours_to_purchase": None,
            "carts_converted": 0,
            "carts_abandoned": 0,
            "abandoned_value": ZERO,
            "at_risk_customers": sum(row["is_in_danger_zone"] for row in signals),
        }
    )
    return rows


def fct_sales_operations(enriched: Enriched, run_date: date) -> list[Row]:
    """product x dt: days with velocity or performance, and each product on the run date."""
    velocity = {(r["product_id"], r["product_dt"]): r for r in enriched["sales_velocity"]}
    performance = {(r["product_id"], r["product_dt"]): r for r in enriched["product_performance"]}
    stock = {r["product_id"]: r for r in enriched["inventory_risk"]}
    names = {r["product_id"]: r for r in (*performance.values(), *stock.values())}
    today = {(product_id, run_date) for product_id in stock}
    rows = []
    for key in velocity.keys() | performance.keys() | today:
        product_id, dt = key
        speed, done = velocity.get(key, {}), performance.get(key, {})
        held = stock.get(product_id, {}) if dt == run_date else {}
        rows.append(
            {
                "product_id": product_id,
                "dt": dt,
                "product_name": names[product_id]["product_name"],
                "category": names[product_id]["category"],
                "daily_quantity": speed.get("daily_quantity", 0),
                "velocity_7d": speed.get("velocity_7d", 0.0),
                "velocity_28d": speed.get("velocity_28d", 0.0),
                "trend_signal": speed.get("trend_signal", "STABLE"),
                "forecast_7d_units": speed.get("forecast_7d_units", 0.0),
                "units_returned": done.get("units_returned", 0),
                "gross_profit": done.get("gross_profit", ZERO),
                "net_margin": done.get("net_margin", ZERO),
                "return_rate": done.get("return_rate"),
                "inventory_quantity": held.get("inventory_quantity"),
                "days_of_cover": held.get("days_of_cover"),
                "risk_tier": held.get("risk_tier"),
            }
        )
    return rows


def fct_cart_abandonment(enriched: Enriched) -> list[Row]:
    """A row a day on which carts were created."""
    rows = []
    for day, carts in grouped(enriched["cart_attribution"], "created_dt").items():
        statuses = [cart["cart_status"] for cart in carts]
        rows.append(
            {
                "created_dt": day,
                "carts_created": len(carts),
                "carts_converted": statuses.count("converted"),
                "carts_abandoned": statuses.count("abandoned"),
                "carts_empty": statuses.count("empty"),
                "carts_open": statuses.count("open"),
                "conversion_rate": conversion_rate(statuses),
                "abandoned_value": _sum(carts, "abandoned_value"),
            }
        )
    return rows


def fct_customer_segments(enriched: Enriched) -> list[Row]:
    """customer_segment x predicted x actual bucket."""
    columns = ("customer_segment", "predicted_clv_bucket", "actual_clv_bucket")
    rows = []
    for key, customers in grouped(enriched["customer_lifetime_value"], *columns).items():
        orders = count_sum(row["order_count"] for row in customers)
        spent, net = _sum(customers, "total_spent"), _sum(customers, "net_clv")
        rows.append(
            {
                **dict(zip(columns, key, strict=True)),
                "customers_count": len(customers),
                "orders_count": orders,
                "total_spent": spent,
                "total_net_clv": net,
                "avg_net_clv": ratio(net, len(customers)),
                "avg_order_value": ratio(spent, orders),
            }
        )
    return rows


def fct_shipping_analysis(enriched: Enriched) -> list[Row]:
    """order_dt x shipping_speed x order_channel."""
    columns = ("order_dt", "shipping_speed", "order_channel")
    rows = []
    for key, orders in _keyed(enriched["shipping_economics"], *columns).items():
        margin = _sum(orders, "shipping_margin")
        with_margin = [order for order in orders if order["shipping_margin"] is not None]
        rows.append(
            {
                **dict(zip(columns, key, strict=True)),
                "orders_count": len(orders),
                "shipping_revenue": _sum(orders, "shipping_cost"),
                "actual_shipping_cost": _sum(orders, "actual_shipping_cost"),
                "shipping_margin": margin,
                "margin_rate": ratio(margin, _sum(with_margin, "shipping_cost")),
            }
        )
    return rows


def gold_rows(enriched: Enriched, run_date: date) -> dict[str, list[Row]]:
    """The rows of every fact by its name."""
    return {
        "fct_finance_revenue": fct_finance_revenue(enriched),
        "fct_marketing_attribution": fct_marketing_attribution(enriched, run_date),
        "fct_sales_operations": fct_sales_operations(enriched, run_date),
        "fct_cart_abandonment": fct_cart_abandonment(enriched),
        "fct_product_profitability": enriched["product_performance"],
        "fct_customer_segments": fct_customer_segments(enriched),
        "fct_daily_dashboard": enriched["daily_business_metrics"],
        "fct_shipping_analysis": fct_shipping_analysis(enriched),
    }
