"""The published columns and keys of the enriched and gold tables, in the contract's order.

Belongs here: names and order only. `run_date` ends every table and is added by `publish`.
"""

from collections.abc import Mapping
from datetime import date

from .table import Row, Table, table_of

_PERFORMANCE = (
    "product_id product_dt product_name category units_sold units_returned units_in_carts "
    "gross_revenue discount_total refunded_amount net_revenue cost_of_goods gross_profit "
    "net_margin return_rate cart_to_order_rate margin_rate"
)
_DAILY = (
    "dt orders_count customers_count gross_revenue net_revenue avg_order_value carts_created "
    "carts_converted carts_abandoned cart_conversion_rate returns_count return_rate refund_total "
    "orders_7d_avg revenue_7d_avg revenue_30d_avg revenue_30d_std revenue_anomaly"
)

# Each table: how many of its first columns are its key, and its columns.
ENRICHED: dict[str, tuple[int, str]] = {
    "attributed_purchases": (
        1,
        "order_id customer_id order_date order_dt order_channel net_total cart_id "
        "cart_created_at cart_total hours_to_purchase is_attributed is_recovered",
    ),
    "cart_attribution": (
        1,
        "cart_id customer_id created_at created_dt cart_value item_count category_count "
        "cart_status order_id order_date order_channel time_to_purchase_hours abandoned_value",
    ),
    "customer_lifetime_value": (
        1,
        "customer_id is_guest order_count return_count total_spent total_refunded net_clv "
        "avg_order_value first_order_dt last_order_dt days_since_last_order cohort_month "
        "customer_segment predicted_clv_bucket actual_clv_bucket",
    ),
    "customer_retention_signals": (
        1,
        "customer_id loyalty_tier total_orders first_purchase_dt last_purchase_dt "
        "days_since_first_buy days_since_last_buy is_in_danger_zone needs_bronze_nudge "
        "churn_risk_score engagement_score",
    ),
    "product_performance": (
        2,
        f"{_PERFORMANCE} catalog_unit_price catalog_cost_price inventory_quantity",
    ),
    "sales_velocity": (
        2,
        "product_id product_dt daily_quantity velocity_7d velocity_28d trend_signal "
        "forecast_7d_units",
    ),
    "inventory_risk": (
        1,
        "product_id product_name category inventory_quantity sales_volume return_volume "
        "daily_velocity days_of_cover locked_capital utilization_rate return_rate risk_tier "
        "is_stockout_risk is_overstock expected_stockout_dt",
    ),
    "regional_financials": (
        3,
        "dt region order_channel orders_count customers_count gross_revenue discount_total "
        "net_revenue tax_rate tax_amount revenue_after_tax refunded_amount",
    ),
    "shipping_economics": (
        1,
        "order_id order_dt order_channel shipping_speed is_expedited shipping_cost "
        "actual_shipping_cost shipping_margin shipping_margin_rate",
    ),
    "daily_business_metrics": (1, _DAILY),
}

GOLD: dict[str, tuple[int, str]] = {
    "fct_finance_revenue": (
        2,
        "dt order_channel orders_count gross_revenue discount_total net_revenue tax_amount "
        "revenue_after_tax refunded_amount shipping_revenue actual_shipping_cost shipping_margin",
    ),
    "fct_marketing_attribution": (
        2,
        "dt order_channel orders_count attributed_orders recovered_orders avg_hours_to_purchase "
        "carts_converted carts_abandoned abandoned_value at_risk_customers",
    ),
    "fct_sales_operations": (
        2,
        "product_id dt product_name category daily_quantity velocity_7d velocity_28d "
        "trend_signal forecast_7d_units units_returned gross_profit net_margin return_rate "
        "inventory_quantity days_of_cover risk_tier",
    ),
    "fct_cart_abandonment": (
        1,
        "created_dt carts_created carts_converted carts_abandoned carts_empty carts_open "
        "conversion_rate abandoned_value",
    ),
    "fct_product_profitability": (2, _PERFORMANCE),
    "fct_customer_segments": (
        3,
        "customer_segment predicted_clv_bucket actual_clv_bucket customers_count orders_count "
        "total_spent total_net_clv avg_net_clv avg_order_value",
    ),
    "fct_daily_dashboard": (1, _DAILY),
    "fct_shipping_analysis": (
        3,
        "order_dt shipping_speed order_channel orders_count shipping_revenue "
        "actual_shipping_cost shipping_margin margin_rate",
    ),
}


def publish(
    layer: str,
    declared: Mapping[str, tuple[int, str]],
    rows: Mapping[str, list[Row]],
    run_date: date,
) -> dict[str, Table]:
    """`<layer>.<table>` for every declared table, its rows ending with the run date."""
    tables = {}
    for name, (key_length, columns) in declared.items():
        names = [*columns.split(), "run_date"]
        dated = ({**row, "run_date": run_date} for row in rows[name])
        tables[f"{layer}.{name}"] = table_of(names, dated, names[:key_length])
    return tables
