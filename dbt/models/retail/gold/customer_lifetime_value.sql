with sales as (
    select
        orders.customer_id,
        count(*) as order_count,
        {{ total_money('orders.total_amount') }} as total_revenue,
        min(orders.order_dt) as first_order_dt,
        max(orders.order_dt) as last_order_dt
    from {{ ref('stg_orders') }} as orders
    where {{ is_placed('orders') }} and {{ is_sale('orders') }}
    group by orders.customer_id
)

select
    customers.customer_id,
    customers.segment,
    customers.region,
    coalesce(sales.order_count, 0) as order_count,
    cast(coalesce(sales.total_revenue, 0) as {{ money_type() }}) as total_revenue,
    {{ ratio('sales.total_revenue', 'sales.order_count') }} as avg_order_value,
    sales.first_order_dt,
    sales.last_order_dt,
    {{ days_between('sales.first_order_dt', run_date()) }} as tenure_days
from {{ ref('stg_customers') }} as customers
left join sales on customers.customer_id = sales.customer_id
