with days as (
    select
        orders.order_dt,
        orders.region,
        orders.status,
        customers.segment,
        count(*) as order_count,
        count(distinct orders.customer_id) as customer_count,
        {{ total_money('orders.total_amount') }} as total_revenue
    from {{ ref('stg_orders') }} as orders
    inner join {{ ref('stg_customers') }} as customers on orders.customer_id = customers.customer_id
    where {{ is_placed('orders') }}
    group by orders.order_dt, orders.region, orders.status, customers.segment
),

running as (
    select
        *,
        sum(total_revenue) over (
            partition by region, status, segment
            order by order_dt
            rows between unbounded preceding and current row
        ) as cumulative_revenue
    from days
)

select
    running.order_dt,
    running.region,
    running.status,
    running.segment,
    running.order_count,
    running.customer_count,
    running.total_revenue,
    {{ ratio('running.total_revenue', 'running.order_count') }} as avg_order_value,
    cast(running.cumulative_revenue as {{ money_type() }}) as cumulative_revenue,
    week_before.total_revenue as revenue_7d_ago,
    {{ percent('running.total_revenue - week_before.total_revenue', 'week_before.total_revenue') }}
        as wow_growth_pct
from running
left join days as week_before
    on
        running.region = week_before.region
        and running.status = week_before.status
        and running.segment = week_before.segment
        and {{ days_before('running.order_dt', 7) }} = week_before.order_dt
