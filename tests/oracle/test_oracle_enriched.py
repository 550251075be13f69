"""The oracle's own tests: attribution, customers, products, regions, days and facts.

Belongs here: enriched and gold on hand-made rows. Silver is in `test_oracle`.
"""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from . import run_rows
from .enriched_customers import actual_bucket, segment
from .enriched_orders import region_of
from .sample_rows import RUN_DATE, raw, shop
from .table import Row, Table


def by_key(table: Table, *columns: str) -> dict[Any, Row]:
    rows = table.dicts()
    keys = [tuple(row[name] for name in columns) for row in rows]
    assert len(set(keys)) == len(keys)
    return {key[0] if len(columns) == 1 else key: row for key, row in zip(keys, rows, strict=True)}


def cart(cart_id: str, created_at: str, **changes: object) -> Row:
    return raw("shopping_carts", cart_id=cart_id, created_at=created_at, **changes)


def test_a_cart_leads_to_the_first_order_in_its_window_and_the_latest_cart_wins() -> None:
    tables = run_rows(
        shop(
            orders=[
                raw("orders", order_id="O2", order_date="2024-01-10T12:00:00"),
                raw("orders", order_id="O1", order_date="2024-01-10T12:00:00"),
                raw("orders", order_id="O3", order_date="2024-01-12T12:00:00"),
            ],
            shopping_carts=[
                cart("K1", "2024-01-10T08:00:00"),
                cart("K2", "2024-01-10T11:00:00"),
                cart("K3", "2024-01-10T11:00:00", updated_at="2024-01-10T11:00:00.000001"),
                cart("K4", "2024-01-10T12:00:00.000001"),
                cart("K5", "2024-01-12T12:00:00.000001"),
                cart("K6", "2024-01-12T11:00:00", cart_total=0.0),
                cart("K7", "2024-01-08T11:59:59.999999"),
            ],
        ),
        RUN_DATE,
    )
    purchases = by_key(tables["enriched.attributed_purchases"], "order_id")
    # O1 precedes O2 by its id; K3 is the greater id of the two latest carts.
    assert purchases["O1"]["cart_id"] == "K3"
    assert purchases["O1"]["hours_to_purchase"] == 1.0
    assert purchases["O1"]["is_attributed"]
    assert not purchases["O1"]["is_recovered"]  # one microsecond short of an hour
    assert purchases["O2"]["cart_id"] is None
    assert purchases["O2"]["hours_to_purchase"] is None
    assert purchases["O3"]["cart_id"] == "K4"  # K5 and K6: after the order; empty
    carts = by_key(tables["enriched.cart_attribution"], "cart_id")
    assert {name: row["cart_status"] for name, row in carts.items()} == {
        "K1": "abandoned",
        "K2": "abandoned",
        "K3": "converted",
        "K4": "converted",
        "K5": "abandoned",
        "K6": "empty",
        "K7": "abandoned",
    }
    assert carts["K1"]["abandoned_value"] == Decimal("12.00")
    assert carts["K3"]["abandoned_value"] is None
    assert carts["K1"]["order_id"] is None


@pytest.mark.parametrize(
    ("created_at", "updated_at", "attributed", "recovered"),
    [
        ("2024-01-10T11:00:00", None, True, True),
        ("2024-01-10T11:00:00.000001", None, True, False),
        ("2024-01-10T09:00:00", "2024-01-10T11:00:00", True, True),
        ("2024-01-10T09:00:00", "2024-01-10T13:30:00", True, False),
        ("2024-01-08T12:00:00", None, True, True),
        ("2024-01-08T11:59:59.999999", None, False, False),
        ("2024-01-10T12:00:00", None, True, False),
    ],
)
def test_window_and_recovery_gap(
    created_at: str, updated_at: str | None, attributed: bool, recovered: bool
) -> None:
    carts = [cart("K1", created_at, updated_at=updated_at)]
    tables = run_rows(shop(orders=[raw("orders")], shopping_carts=carts), RUN_DATE)
    (row,) = tables["enriched.attributed_purchases"].dicts()
    assert (row["is_attributed"], row["is_recovered"]) == (attributed, recovered)


def test_cart_value_status_and_counts() -> None:
    tables = run_rows(
        shop(
            product_catalog=[
                raw("product_catalog"),
                raw("product_catalog", product_id=2, category=None),
            ],
            shopping_carts=[
                cart("K1", "2024-01-13T00:00:00", cart_total=None),
                cart("K2", "2024-01-12T23:59:59.999999", cart_total=0.0),
                cart("K3", "2024-01-14", cart_total=None),
            ],
            cart_items=[
                raw("cart_items", quantity=3, unit_price=1.5),
                raw("cart_items", cart_item_id=2, product_id=2, unit_price=0.25),
                raw("cart_items", cart_id="K2"),
            ],
        ),
        RUN_DATE,
    )
    carts = by_key(tables["enriched.cart_attribution"], "cart_id")
    wanted = {
        "K1": ("4.75", 2, 1, "open"),
        "K2": ("0", 1, 1, "abandoned"),
        "K3": ("0", 0, 0, "empty"),
    }
    for name, (value, items, categories, status) in wanted.items():
        row = carts[name]
        assert row["cart_value"] == Decimal(value)
        assert (row["item_count"], row["category_count"]) == (items, categories)
        assert row["cart_status"] == status
    abandonment = by_key(tables["gold.fct_cart_abandonment"], "created_dt")
    assert abandonment[date(2024, 1, 13)]["conversion_rate"] is None  # a cart is open
    assert abandonment[date(2024, 1, 12)]["conversion_rate"] == 0.0
    assert abandonment[date(2024, 1, 14)]["conversion_rate"] is None  # nothing to divide by


@pytest.mark.parametrize(
    ("orders", "days", "net", "expected"),
    [
        (0, None, "0", "no_orders"),
        (9, 90, "900", "churned"),
        (1, 89, "900", "one_timer"),
        (2, 89, "500.00", "whale"),
        (2, 0, "499.99", "regular"),
        (5, 0, "-1", "whale"),
        (4, 0, "0", "regular"),
    ],
)
def test_segments(orders: int, days: int | None, net: str, expected: str) -> None:
    assert segment(orders, days, Decimal(net)) == expected


def test_actual_buckets() -> None:
    nets = ("500", "499.99", "200", "199.99", "-5")
    assert [actual_bucket(Decimal(n)) for n in nets] == ["high", "medium", "medium", "low", "low"]


def test_lifetime_value_follows_the_customers_orders() -> None:
    tables = run_rows(
        shop(
            customers=[raw("customers", clv_bucket="VIP"), raw("customers", customer_id="C2")],
            orders=[
                raw("orders", order_date="2023-12-31T23:00-02:00"),
                raw("orders", order_id="O2", customer_id="GUEST-1", clv_bucket="Low"),
                raw("orders", order_id="O3", customer_id="GUEST-1", clv_bucket=" HIGH"),
            ],
            # Sent back by somebody else: it still counts for the customer of the order.
            returns=[raw("returns", order_id="O2"), raw("returns", return_id="R2", order_id="O2")],
        ),
        RUN_DATE,
    )
    people = by_key(tables["enriched.customer_lifetime_value"], "customer_id")
    assert people.keys() == {"C1", "C2", "GUEST-1"}
    assert people["C1"]["first_order_dt"] == date(2024, 1, 1)
    assert people["C1"]["cohort_month"] == date(2024, 1, 1)
    assert people["C1"]["return_count"] == 0
    assert people["C1"]["predicted_clv_bucket"] == "unknown"
    guest = people["GUEST-1"]
    assert guest["is_guest"]
    assert (guest["return_count"], guest["net_clv"]) == (2, Decimal("14.00"))
    assert guest["avg_order_value"] == 10.0
    assert guest["predicted_clv_bucket"] == "high"
    assert people["C2"]["customer_segment"] == "no_orders"
    assert people["C2"]["avg_order_value"] is None
    assert people["C2"]["total_spent"] == 0


@pytest.mark.parametrize(
    ("days", "danger", "nudge", "risk"),
    [
        (14, False, False, 14 / 90),
        (15, False, True, 15 / 90),
        (29, False, True, 29 / 90),
        (30, True, True, 30 / 90),
        (89, True, True, 89 / 90),
        (90, False, True, 1.0),
    ],
)
def test_retention(days: int, danger: bool, nudge: bool, risk: float) -> None:
    bought = (RUN_DATE - timedelta(days=days)).isoformat()
    bronze = shop(
        customers=[raw("customers", loyalty_tier=" Bronze")],
        orders=[raw("orders", order_date=bought)],
    )
    tables = run_rows(bronze, RUN_DATE)
    (row,) = tables["enriched.customer_retention_signals"].dicts()
    assert (row["is_in_danger_zone"], row["needs_bronze_nudge"]) == (danger, nudge)
    assert row["churn_risk_score"] == pytest.approx(risk)
    assert row["engagement_score"] == (1 if days < 90 else 0)
    marketing = by_key(tables["gold.fct_marketing_attribution"], "dt", "order_channel")
    assert marketing[(RUN_DATE, "all")]["at_risk_customers"] == int(danger)
    assert marketing[(RUN_DATE - timedelta(days=days), "web")]["at_risk_customers"] is None


def test_product_performance_and_velocity() -> None:
    tables = run_rows(
        shop(
            orders=[raw("orders"), raw("orders", order_id="O2", order_date="2024-01-14")],
            order_items=[
                raw("order_items", quantity=8, discount_amount=5.0, cost_price=3.0),
                raw("order_items", order_id="O2", quantity=2),
            ],
            returns=[raw("returns", order_id="O2")],
            return_items=[raw("return_items", order_id="O2", quantity_returned=2)],
            shopping_carts=[cart("K1", "2024-01-09")],
            cart_items=[
                raw("cart_items", quantity=4),
                raw("cart_items", cart_item_id=2, added_at="2024-01-15"),
            ],
        ),
        RUN_DATE,
    )
    days = by_key(tables["enriched.product_performance"], "product_dt")
    assert sorted(day.day for day in days) == [9, 10, 12, 14]
    sale = days[date(2024, 1, 10)]
    assert (sale["gross_revenue"], sale["cost_of_goods"]) == (Decimal(80), Decimal(24))
    assert (sale["net_revenue"], sale["gross_profit"]) == (Decimal(75), Decimal(51))
    assert sale["cart_to_order_rate"] is None
    assert days[date(2024, 1, 14)]["cost_of_goods"] == Decimal(8)  # the catalog's cost
    assert days[date(2024, 1, 12)]["net_margin"] == Decimal(-3)
    assert days[date(2024, 1, 12)]["return_rate"] is None
    assert days[date(2024, 1, 9)]["cart_to_order_rate"] == 0.0
    velocity = by_key(tables["enriched.sales_velocity"], "product_dt")
    assert sorted(day.day for day in velocity) == [10, 11, 12, 13, 14]
    assert velocity[RUN_DATE]["velocity_28d"] == 2.0
    assert velocity[RUN_DATE]["trend_signal"] == "STABLE"
    (risk,) = tables["enriched.inventory_risk"].dicts()
    assert (risk["sales_volume"], risk["return_volume"]) == (10, 2)
    assert (risk["days_of_cover"], risk["risk_tier"]) == (10.0, "MODERATE")
    assert risk["expected_stockout_dt"] == date(2024, 1, 24)
    operations = by_key(tables["gold.fct_sales_operations"], "dt")
    assert sorted(day.day for day in operations) == [9, 10, 11, 12, 13, 14]
    assert operations[date(2024, 1, 9)]["trend_signal"] == "STABLE"
    assert operations[date(2024, 1, 13)]["risk_tier"] is None
    assert operations[RUN_DATE]["risk_tier"] == "MODERATE"


@pytest.mark.parametrize(
    ("inventory", "sold_days_ago", "tier"),
    [
        (None, 0, "UNKNOWN"),
        (0, 0, "STOCKOUT"),
        (0, None, "HEALTHY"),
        (1, None, "OVERSTOCK"),
        (6, 0, "HIGH"),
        (7, 0, "MODERATE"),
        (21, 0, "HEALTHY"),
        (180, 0, "HEALTHY"),
        (181, 0, "OVERSTOCK"),
        (5, 28, "OVERSTOCK"),
    ],
)
def test_risk_tiers(inventory: int | None, sold_days_ago: int | None, tier: str) -> None:
    bronze = shop(product_catalog=[raw("product_catalog", inventory_quantity=inventory)])
    if sold_days_ago is not None:
        day = (RUN_DATE - timedelta(days=sold_days_ago)).isoformat()
        bronze |= {
            "orders": [raw("orders", order_date=day)],
            "order_items": [raw("order_items")],
        }
    (row,) = run_rows(bronze, RUN_DATE)["enriched.inventory_risk"].dicts()
    assert row["risk_tier"] == tier


@pytest.mark.parametrize(
    ("shipping", "billing", "region"),
    [
        ("1 Road, Town, ak 36877", None, "US-AK"),
        ("APO AE 12345-6789", None, "US-AE"),
        ("Town, OR, 21044", None, "US-OR"),
        (None, "NY 10001", "US-NY"),
        ("nowhere", "NY 10001", "UNKNOWN"),
        ("Town XNY 10001", None, "UNKNOWN"),
        ("Town NY 10001 USA", None, "UNKNOWN"),
        (None, None, "UNKNOWN"),
    ],
)
def test_regions(shipping: str | None, billing: str | None, region: str) -> None:
    assert region_of({"shipping_address": shipping, "billing_address": billing}) == region


def test_refunds_stand_in_the_region_of_the_order_on_the_day_of_the_return() -> None:
    tables = run_rows(
        shop(
            orders=[raw("orders", net_total=10.1, order_channel=None, billing_address="NY 10001")],
            returns=[raw("returns")],
        ),
        RUN_DATE,
        {"US-NY": Decimal("0.085000")},
    )
    rows = by_key(tables["enriched.regional_financials"], "dt", "region", "order_channel")
    sale = rows[(date(2024, 1, 10), "US-NY", "unknown")]
    assert (sale["tax_amount"], sale["revenue_after_tax"]) == (Decimal("0.86"), Decimal("9.24"))
    refund = rows[(date(2024, 1, 12), "US-NY", "unknown")]
    assert (refund["orders_count"], refund["refunded_amount"]) == (0, Decimal(3))
    assert refund["tax_rate"] == 0.085


def test_daily_series_is_gap_filled_and_flags_only_with_history() -> None:
    first = RUN_DATE - timedelta(days=16)
    orders = [
        raw("orders", order_id=f"O{n}", order_date=(first + timedelta(days=n)).isoformat())
        for n in range(14)
    ]
    orders.append(raw("orders", order_id="X", order_date=first.isoformat(), net_total=0.0))
    orders.append(raw("orders", order_id="Y", order_date=RUN_DATE.isoformat(), gross_total=90.0))
    orders[-1]["net_total"] = 90.0
    days = by_key(run_rows(shop(orders=orders), RUN_DATE)["enriched.daily_business_metrics"], "dt")
    assert len(days) == 17
    assert days[first]["revenue_30d_avg"] is None
    assert days[first]["avg_order_value"] == 5.0
    assert days[first + timedelta(days=1)]["revenue_30d_std"] is None
    assert days[first + timedelta(days=13)]["revenue_anomaly"] == "INSUFFICIENT_HISTORY"
    assert days[first + timedelta(days=14)]["revenue_anomaly"] == "LOW"  # nothing sold
    assert days[first + timedelta(days=14)]["revenue_30d_std"] == 0.0
    assert days[RUN_DATE]["revenue_anomaly"] == "HIGH"
    assert days[RUN_DATE]["orders_7d_avg"] == pytest.approx(5 / 7)


def test_shipping_margin_rate_is_of_the_orders_that_have_a_margin() -> None:
    tables = run_rows(
        shop(
            orders=[
                raw(
                    "orders", shipping_cost=5.0, actual_shipping_cost=4.0, shipping_speed="Two-Day"
                ),
                raw("orders", order_id="O2", shipping_cost=9.0, shipping_speed="two-day"),
                raw("orders", order_id="O3", shipping_cost=0.0, actual_shipping_cost=1.0),
            ]
        ),
        RUN_DATE,
    )
    orders = by_key(tables["enriched.shipping_economics"], "order_id")
    assert orders["O1"]["is_expedited"] is True
    assert orders["O3"]["is_expedited"] is False
    assert orders["O2"]["shipping_margin"] is None
    assert orders["O3"]["shipping_margin_rate"] is None
    fact = by_key(tables["gold.fct_shipping_analysis"], "shipping_speed")
    assert fact["two-day"]["shipping_revenue"] == Decimal(14)
    assert fact["two-day"]["margin_rate"] == pytest.approx(0.2)
    assert fact["unknown"]["margin_rate"] is None


def test_an_empty_shop_has_only_the_row_of_customers_at_risk() -> None:
    tables = run_rows(shop(customers=[], product_catalog=[]), RUN_DATE)
    filled = {name for name, table in tables.items() if table.rows}
    assert filled == {"accounting", "gold.fct_marketing_attribution"}
