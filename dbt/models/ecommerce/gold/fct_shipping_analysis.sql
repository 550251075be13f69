with orders as (
    select
        order_dt,
        coalesce(shipping_speed, 'unknown') as shipping_speed,
        coalesce(order_channel, 'unknown') as order_channel,
        shipping_cost,
        actual_shipping_cost,
        shipping_margin,
        -- The rate sets a margin against the charges that it came from, not against all charges.
        case when shipping_margin is not null then shipping_cost end as margin_base
    from {{ source('enriched', 'shipping_economics') }}
)

select
    order_dt,
    shipping_speed,
    order_channel,
    count(*) as orders_count,
    {{ total_money('shipping_cost') }} as shipping_revenue,
    {{ total_money('actual_shipping_cost') }} as actual_shipping_cost,
    {{ total_money('shipping_margin') }} as shipping_margin,
    {{ ratio('sum(shipping_margin)', 'sum(margin_base)') }} as margin_rate,
    {{ run_date() }} as run_date
from orders
group by order_dt, shipping_speed, order_channel
