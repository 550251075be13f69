with figures as (
    select
        order_dt as dt,
        coalesce(order_channel, 'unknown') as order_channel,
        1 as is_order,
        is_attributed,
        is_recovered,
        -- Whole microseconds: their sum is the same in whatever order rows are added.
        case
            when is_attributed then cast(round(hours_to_purchase * 3.6e9) as {{ count_type() }})
        end as attributed_us,
        null as cart_status,
        null as abandoned_value
    from {{ source('enriched', 'attributed_purchases') }}
    union all
    -- A cart has no channel of its own: it takes that of the order that it led to.
    select
        created_dt as dt,
        case when order_id is null then 'none' else coalesce(order_channel, 'unknown') end as order_channel,
        null as is_order,
        null as is_attributed,
        null as is_recovered,
        null as attributed_us,
        cart_status,
        abandoned_value
    from {{ source('enriched', 'cart_attribution') }}
)

select
    dt,
    order_channel,
    count(is_order) as orders_count,
    {{ count_where('is_attributed') }} as attributed_orders,
    {{ count_where('is_recovered') }} as recovered_orders,
    {{ ratio('sum(attributed_us) / 3.6e9', 'count(attributed_us)') }} as avg_hours_to_purchase,
    {{ count_where("cart_status = 'converted'") }} as carts_converted,
    {{ count_where("cart_status = 'abandoned'") }} as carts_abandoned,
    {{ total_money('abandoned_value') }} as abandoned_value,
    cast(null as {{ count_type() }}) as at_risk_customers,
    {{ run_date() }} as run_date
from figures
group by dt, order_channel
union all
-- Customers at risk belong to no channel and are known as of the run date only.
select
    {{ run_date() }} as dt,
    'all' as order_channel,
    0 as orders_count,
    0 as attributed_orders,
    0 as recovered_orders,
    null as avg_hours_to_purchase,
    0 as carts_converted,
    0 as carts_abandoned,
    0 as abandoned_value,
    {{ count_where('is_in_danger_zone') }} as at_risk_customers,
    {{ run_date() }} as run_date
from {{ source('enriched', 'customer_retention_signals') }}
