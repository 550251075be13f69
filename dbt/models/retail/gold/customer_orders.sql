with items as (
    select
        order_id,
        count(distinct product_id) as product_count,
        {{ total_count('quantity') }} as item_count,
        {{ total_money('line_total') }} as calculated_total
    from {{ ref('stg_order_items') }}
    group by order_id
),

totals as (
    select
        orders.customer_id,
        orders.order_id,
        orders.status,
        orders.order_dt,
        orders.region,
        orders.total_amount,
        coalesce(items.product_count, 0) as product_count,
        coalesce(items.item_count, 0) as item_count,
        cast(coalesce(items.calculated_total, 0) as {{ money_type() }}) as calculated_total
    from {{ ref('stg_orders') }} as orders
    left join items on orders.order_id = items.order_id
    where {{ is_placed('orders') }}
)

select
    totals.customer_id,
    {{ to_be_masked('customers.name') }} as customer_name,
    {{ to_be_masked('customers.email') }} as customer_email,
    customers.segment as customer_segment,
    customers.region as customer_region,
    totals.order_id,
    totals.status as order_status,
    totals.order_dt,
    totals.region as order_region,
    totals.total_amount as order_total,
    totals.product_count,
    totals.item_count,
    totals.calculated_total,
    abs(totals.total_amount - totals.calculated_total) > cast(0.01 as {{ money_type() }})
        as has_amount_mismatch
from totals
inner join {{ ref('stg_customers') }} as customers on totals.customer_id = customers.customer_id
