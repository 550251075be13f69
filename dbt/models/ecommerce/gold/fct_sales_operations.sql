with velocity as (select * from {{ source('enriched', 'sales_velocity') }}),

performance as (select * from {{ source('enriched', 'product_performance') }}),

-- Stock is known as of the run date only, so it stands on the rows of that day.
stock as (select *, {{ run_date() }} as dt from {{ source('enriched', 'inventory_risk') }}),

product_days as (
    select product_id, product_dt as dt from velocity
    union distinct
    select product_id, product_dt as dt from performance
    union distinct
    select product_id, dt from stock
),

-- The snapshot's name and category, also for days that only the velocity knows. Both sources took
-- them from one snapshot: all rows of a product agree.
products as (
    select product_id, max(product_name) as product_name, max(category) as category
    from (
        select product_id, product_name, category from performance
        union all
        select product_id, product_name, category from stock
    ) as named
    group by product_id
)

select
    product_days.product_id,
    product_days.dt,
    products.product_name,
    products.category,
    coalesce(velocity.daily_quantity, 0) as daily_quantity,
    coalesce(velocity.velocity_7d, 0) as velocity_7d,
    coalesce(velocity.velocity_28d, 0) as velocity_28d,
    coalesce(velocity.trend_signal, 'STABLE') as trend_signal,
    coalesce(velocity.forecast_7d_units, 0) as forecast_7d_units,
    coalesce(performance.units_returned, 0) as units_returned,
    cast(coalesce(performance.gross_profit, 0) as {{ money_type() }}) as gross_profit,
    cast(coalesce(performance.net_margin, 0) as {{ money_type() }}) as net_margin,
    performance.return_rate,
    stock.inventory_quantity,
    stock.days_of_cover,
    stock.risk_tier,
    {{ run_date() }} as run_date
from product_days
left join products on product_days.product_id = products.product_id
left join velocity
    on product_days.product_id = velocity.product_id and product_days.dt = velocity.product_dt
left join performance
    on product_days.product_id = performance.product_id and product_days.dt = performance.product_dt
left join stock on product_days.product_id = stock.product_id and product_days.dt = stock.dt
