-- Prices and stock of the catalog are left out: they are those of today, not of the day of the row.
select
    product_id,
    product_dt,
    product_name,
    category,
    units_sold,
    units_returned,
    units_in_carts,
    gross_revenue,
    discount_total,
    refunded_amount,
    net_revenue,
    cost_of_goods,
    gross_profit,
    net_margin,
    return_rate,
    cart_to_order_rate,
    margin_rate,
    {{ run_date() }} as run_date
from {{ source('enriched', 'product_performance') }}
