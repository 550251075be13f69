-- What was paid is one figure, however it is cut: by event, user, product, day or category.
{{ config(tags=['reconciliation']) }}

{{ differing_totals([
    (
        source('silver', 'events_cleaned'),
        "case when event_type = 'purchase' and event_date <= " ~ as_of() ~ " then price end",
        'price of purchases',
    ),
    (ref('customer_metrics'), 'total_revenue'),
    (ref('product_performance'), 'total_revenue'),
    (ref('daily_sales_summary'), 'total_revenue'),
    (ref('conversion_funnel'), 'total_revenue'),
]) }}
