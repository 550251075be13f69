"""Enriched tables about products: performance, velocity, inventory risk.

Belongs here: product_performance, sales_velocity, inventory_risk. Every function takes typed
silver rows by table name (and the catalog snapshot by id) and returns row dicts without
`run_date`.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from .enriched_orders import Silver, grouped
from .table import Row
from .values import count_sum, days, ratio, total

SHORT_DAYS, LONG_DAYS = 7, 28
TREND_UP, TREND_DOWN = Fraction(12, 10), Fraction(8, 10)
HIGH_COVER_DAYS, MODERATE_COVER_DAYS, OVERSTOCK_COVER_DAYS = 7, 21, 180
NO_STOCKOUT_COVER = 1_000_000


def product_performance(silver: Silver, products: Mapping[int, Row], run_date: date) -> list[Row]:
    """product x day with a sale, a return or a cart item."""
    sold_at = grouped(silver["order_items"], "product_id", "order_dt")
    returned_at = grouped(silver["return_items"], "product_id", "return_dt")
    carted_at = grouped(
        (item for item in silver["cart_items"] if item["added_dt"] <= run_date),
        "product_id",
        "added_dt",
    )
    rows = []
    for key in sold_at.keys() | returned_at.keys() | carted_at.keys():
        product_id, dt = key
        product = products.get(product_id, {})
        lines, returned = sold_at.get(key, []), returned_at.get(key, [])
        sold = count_sum(line["quantity"] for line in lines)
        back = count_sum(line["quantity_returned"] for line in returned)
        carted = count_sum(item["quantity"] for item in carted_at.get(key, []))
        gross = total(line["quantity"] * line["unit_price"] for line in lines)
        discount = total(line["discount_amount"] for line in lines)
        refunds = total(line["refunded_amount"] for line in returned)
        cost = total(line["quantity"] * _cost_of(line, product) for line in lines)
        profit = gross - discount - cost
        rows.append(
            {
                "product_id": product_id,
                "product_dt": dt,
                "product_name": product.get("product_name"),
                "category": product.get("category"),
                "units_sold": sold,
                "units_returned": back,
                "units_in_carts": carted,
                "gross_revenue": gross,
                "discount_total": discount,
                "refunded_amount": refunds,
                "net_revenue": gross - discount - refunds,
                "cost_of_goods": cost,
                "gross_profit": profit,
                "net_margin": profit - refunds,
                "return_rate": ratio(back, sold),
                "cart_to_order_rate": ratio(sold, carted),
                "margin_rate": ratio(profit - refunds, gross),
                "catalog_unit_price": product.get("unit_price"),
                "catalog_cost_price": product.get("cost_price"),
                "inventory_quantity": product.get("inventory_quantity"),
            }
        )
    return rows


def _cost_of(line: Row, product: Row) -> Decimal:
    """The line's cost price, else the catalog's, else 0."""
    of_line: Decimal | None = line["cost_price"]
    of_catalog: Decimal | None = product.get("cost_price")
    if of_line is not None:
        return of_line
    return Decimal("0.00") if of_catalog is None else of_catalog


def _window_mean(values: list[int], end: int, length: int) -> Fraction:
    """The mean of up to `length` values ending at index `end`; fewer exist at the start."""
    window = values[max(0, end - length + 1) : end + 1]
    return Fraction(sum(window), len(window))


def _daily_quantities(silver: Silver, run_date: date) -> dict[int, tuple[list[date], list[int]]]:
    """Per product: every day from its first sale to the run date, and the units sold on each."""
    result = {}
    for product_id, lines in grouped(silver["order_items"], "product_id").items():
        units: dict[date, int] = {}
        for line in lines:
            units[line["order_dt"]] = units.get(line["order_dt"], 0) + line["quantity"]
        calendar = days(min(units), run_date)
        result[product_id] = (calendar, [units.get(day, 0) for day in calendar])
    return result


def sales_velocity(silver: Silver, run_date: date) -> list[Row]:
    """product x day, gap-filled from the product's first sale."""
    rows = []
    for product_id, (calendar, units) in _daily_quantities(silver, run_date).items():
        for index, day in enumerate(calendar):
            short = _window_mean(units, index, SHORT_DAYS)
            long = _window_mean(units, index, LONG_DAYS)
            rows.append(
                {
                    "product_id": product_id,
                    "product_dt": day,
                    "daily_quantity": units[index],
                    "velocity_7d": float(short),
                    "velocity_28d": float(long),
                    "trend_signal": _trend(short, long),
                    "forecast_7d_units": float(
                        7 * (Fraction(7, 10) * short + Fraction(3, 10) * long)
                    ),
                }
            )
    return rows


def _trend(short: Fraction, long: Fraction) -> str:
    if short > TREND_UP * long:
        return "UP"
    return "DOWN" if short < TREND_DOWN * long else "STABLE"


def inventory_risk(silver: Silver, products: Mapping[int, Row], run_date: date) -> list[Row]:
    """A row a product of the snapshot, and of any product sold that it lacks."""
    start = run_date - timedelta(days=LONG_DAYS - 1)
    sold_lines = grouped(silver["order_items"], "product_id")
    returned_lines = grouped(silver["return_items"], "product_id")
    quantities = _daily_quantities(silver, run_date)
    rows = []
    for product_id in products.keys() | sold_lines.keys():
        product = products.get(product_id, {})
        inventory, cost = product.get("inventory_quantity"), product.get("cost_price")
        sales = count_sum(
            line["quantity"]
            for line in sold_lines.get(product_id, [])
            if start <= line["order_dt"] <= run_date
        )
        returns = count_sum(
            line["quantity_returned"]
            for line in returned_lines.get(product_id, [])
            if start <= line["return_dt"] <= run_date
        )
        velocity = Fraction(0)
        if product_id in quantities:
            units = quantities[product_id][1]
            velocity = _window_mean(units, len(units) - 1, LONG_DAYS)
        cover = None if inventory is None or not velocity else inventory / velocity
        tier = _tier(inventory, velocity, cover)
        rows.append(
            {
                "product_id": product_id,
                "product_name": product.get("product_name"),
                "category": product.get("category"),
                "inventory_quantity": inventory,
                "sales_volume": sales,
                "return_volume": returns,
                "daily_velocity": float(velocity),
                "days_of_cover": None if cover is None else float(cover),
                "locked_capital": None if cost is None or inventory is None else cost * inventory,
                "utilization_rate": None if inventory is None else ratio(sales, sales + inventory),
                "return_rate": ratio(returns, sales),
                "risk_tier": tier,
                "is_stockout_risk": tier in ("STOCKOUT", "HIGH"),
                "is_overstock": tier == "OVERSTOCK",
                "expected_stockout_dt": _stockout(run_date, cover),
            }
        )
    return rows


def _tier(inventory: int | None, velocity: Fraction, cover: Any) -> str:
    """The first tier that fits; `cover` is an exact number of days or None."""
    if inventory is None:
        return "UNKNOWN"
    if inventory == 0 and velocity > 0:
        return "STOCKOUT"
    if cover is not None and cover < HIGH_COVER_DAYS:
        return "HIGH"
    if cover is not None and cover < MODERATE_COVER_DAYS:
        return "MODERATE"
    if (cover is not None and cover > OVERSTOCK_COVER_DAYS) or (inventory > 0 and velocity == 0):
        return "OVERSTOCK"
    return "HEALTHY"


def _stockout(run_date: date, cover: Any) -> date | None:
    if cover is None or cover >= NO_STOCKOUT_COVER:
        return None
    return run_date + timedelta(days=int(cover))  # cover is never negative: int() is the floor
