-- What customers paid is one figure, however it is cut: by order, channel, day, customer or segment.
{{ config(tags=['reconciliation']) }}

{{ differing_totals([
    (ref('orders'), 'net_total'),
    (ref('fct_finance_revenue'), 'net_revenue'),
    (ref('fct_daily_dashboard'), 'net_revenue'),
    (source('enriched', 'customer_lifetime_value'), 'total_spent'),
    (ref('fct_customer_segments'), 'total_spent'),
]) }}
