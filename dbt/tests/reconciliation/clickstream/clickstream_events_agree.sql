-- Each event up to the as-of date counts once for its user, once for its product and once on its day.
{{ config(tags=['reconciliation']) }}

{{ differing_totals([
    (
        source('silver', 'events_cleaned'),
        'case when event_date <= ' ~ as_of() ~ ' then 1 end',
        'events up to the as-of date',
    ),
    (ref('customer_metrics'), 'total_events'),
    (ref('product_performance'), 'total_events'),
    (ref('daily_sales_summary'), 'total_events'),
]) }}
