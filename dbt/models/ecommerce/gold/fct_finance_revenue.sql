-- Both sources in one list of figures: a day and channel is a row when either knows it.
with figures as (
    select
        dt,
        coalesce(order_channel, 'unknown') as order_channel,
        orders_count,
        gross_revenue,
        discount_total,
        net_revenue,
        tax_amount,
        revenue_after_tax,
        refunded_amount,
        null as shipping_cost,
        null as actual_shipping_cost,
        null as shipping_margin
    from {{ source('enriched', 'regional_financials') }}
    union all
    select
        order_dt as dt,
        coalesce(order_channel, 'unknown') as order_channel,
        null as orders_count,
        null as gross_revenue,
        null as discount_total,
        null as net_revenue,
        null as tax_amount,
        null as revenue_after_tax,
        null as refunded_amount,
        shipping_cost,
        actual_shipping_cost,
        shipping_margin
    from {{ source('enriched', 'shipping_economics') }}
)

select
    dt,
    order_channel,
    {{ total_count('orders_count') }} as orders_count,
    {{ total_money('gross_revenue') }} as gross_revenue,
    {{ total_money('discount_total') }} as discount_total,
    {{ total_money('net_revenue') }} as net_revenue,
    {{ total_money('tax_amount') }} as tax_amount,
    {{ total_money('revenue_after_tax') }} as revenue_after_tax,
    {{ total_money('refunded_amount') }} as refunded_amount,
    {{ total_money('shipping_cost') }} as shipping_revenue,
    {{ total_money('actual_shipping_cost') }} as actual_shipping_cost,
    {{ total_money('shipping_margin') }} as shipping_margin,
    {{ run_date() }} as run_date
from figures
group by dt, order_channel
