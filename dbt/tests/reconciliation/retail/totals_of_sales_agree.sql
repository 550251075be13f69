-- What sales come to is one figure, however it is cut: by group, order, customer or day.
{{ config(tags=['reconciliation']) }}

{{ differing_totals([
    (ref('revenue'), if_sale('status', 'total_revenue'), 'revenue of sales'),
    (ref('customer_orders'), if_sale('order_status', 'order_total'), 'order totals of sales'),
    (ref('customer_lifetime_value'), 'total_revenue'),
    (ref('retail_daily_sales_summary'), 'total_revenue'),
]) }}
