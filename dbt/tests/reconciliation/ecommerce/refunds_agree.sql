-- What was paid back for returns, by return, channel, day and customer.
{{ config(tags=['reconciliation']) }}

{{ differing_totals([
    (ref('returns'), 'refunded_amount'),
    (ref('fct_finance_revenue'), 'refunded_amount'),
    (ref('fct_daily_dashboard'), 'refund_total'),
    (source('enriched', 'customer_lifetime_value'), 'total_refunded'),
]) }}
