with orders as (
    {{ surviving_rows('raw_orders') }}
)

select
    order_id,
    customer_id,
    case
        when lower(status) in ('completed', 'complete', 'delivered') then 'completed'
        when lower(status) in ('pending', 'processing', 'created', 'approved', 'invoiced', 'shipped')
            then 'pending'
        when lower(status) in ('cancelled', 'canceled', 'unavailable') then 'cancelled'
        when lower(status) in ('failed', 'error') then 'failed'
        else 'unknown'
    end as status,
    coalesce(region, 'unknown') as region,
    total_amount,
    created_at,
    cast(created_at as date) as order_dt
from orders
