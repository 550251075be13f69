-- Refunds by line of a return, which need not add up to the refunds of whole returns.
{{ config(tags=['reconciliation']) }}

{{ differing_totals([
    (ref('return_items'), 'refunded_amount'),
    (ref('fct_product_profitability'), 'refunded_amount'),
]) }}
