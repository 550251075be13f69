-- Named for its pipeline, too: another one has a table of this name.
with placed as (
    select
        orders.order_id,
        orders.customer_id,
        orders.order_dt,
        orders.status,
        orders.total_amount
    from {{ ref('stg_orders') }} as orders
    where {{ is_placed('orders') }}
),

calendar as (
    {{ each_order_day('placed') }}
),

units as (
    select
        items.order_id,
        {{ total_count('items.quantity') }} as units_sold
    from {{ ref('stg_order_items') }} as items
    group by items.order_id
),

sales as (
    select
        placed.order_dt,
        count(*) as order_count,
        count(distinct placed.customer_id) as customer_count,
        {{ total_count('units.units_sold') }} as units_sold,
        {{ total_money('placed.total_amount') }} as total_revenue
    from placed
    left join units on placed.order_id = units.order_id
    where {{ is_sale('placed') }}
    group by placed.order_dt
),

days as (
    select
        calendar.order_dt,
        coalesce(sales.order_count, 0) as order_count,
        coalesce(sales.customer_count, 0) as customer_count,
        coalesce(sales.units_sold, 0) as units_sold,
        cast(coalesce(sales.total_revenue, 0) as {{ money_type() }}) as total_revenue
    from calendar
    left join sales on calendar.order_dt = sales.order_dt
),

-- No day is missing, so that seven rows are seven days.
windows as (
    select
        *,
        sum(total_revenue) over (order by order_dt rows between 6 preceding and current row) as revenue_7d,
        count(*) over (order by order_dt rows between 6 preceding and current row) as days_7d
    from days
)

select
    order_dt,
    order_count,
    customer_count,
    units_sold,
    total_revenue,
    {{ ratio('total_revenue', 'order_count') }} as avg_order_value,
    {{ ratio('revenue_7d', 'days_7d') }} as revenue_7d_avg
from windows
