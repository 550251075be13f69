-- The value of the lines sold, before discounts.
{{ config(tags=['reconciliation']) }}

{{ differing_totals([
    (ref('order_items'), 'quantity * unit_price'),
    (ref('fct_product_profitability'), 'gross_revenue'),
]) }}
