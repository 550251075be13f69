with customers as (
    {{ surviving_rows('raw_customers') }}
)

select
    customer_id,
    name,
    email,
    coalesce(segment, 'unknown') as segment,
    coalesce(region, 'unknown') as region,
    created_at
from customers
