-- Named for its pipeline, too: another one has a table of this name.
with sold as (
    select
        items.product_id,
        orders.order_id,
        orders.order_dt,
        orders.status,
        items.quantity,
        items.unit_price,
        items.line_total
    from {{ ref('stg_order_items') }} as items
    inner join {{ ref('stg_orders') }} as orders on items.order_id = orders.order_id
    where {{ is_placed('orders') }} and {{ is_sale('orders') }}
),

sums as (
    select
        product_id,
        count(distinct order_id) as order_count,
        {{ total_count('quantity') }} as units_sold,
        {{ total_money('line_total') }} as total_revenue,
        min(unit_price) as min_selling_price,
        max(unit_price) as max_selling_price,
        count(distinct case when status = 'completed' then order_id end) as completed_order_count,
        {{ total_money("case when status = 'completed' then line_total end") }} as completed_revenue,
        min(order_dt) as first_sale_dt,
        max(order_dt) as last_sale_dt
    from sold
    group by product_id
),

products as (
    select
        products.product_id,
        products.name,
        products.category,
        products.price,
        coalesce(sums.order_count, 0) as order_count,
        coalesce(sums.units_sold, 0) as units_sold,
        cast(coalesce(sums.total_revenue, 0) as {{ money_type() }}) as total_revenue,
        sums.min_selling_price,
        sums.max_selling_price,
        coalesce(sums.completed_order_count, 0) as completed_order_count,
        cast(coalesce(sums.completed_revenue, 0) as {{ money_type() }}) as completed_revenue,
        sums.first_sale_dt,
        sums.last_sale_dt
    from {{ ref('stg_products') }} as products
    left join sums on products.product_id = sums.product_id
)

select
    product_id,
    name as product_name,
    category,
    price as list_price,
    order_count,
    units_sold,
    total_revenue,
    {{ ratio('total_revenue', 'units_sold') }} as avg_selling_price,
    min_selling_price,
    max_selling_price,
    {{ percent('price * units_sold - total_revenue', 'price * units_sold') }} as avg_discount_pct,
    completed_order_count,
    completed_revenue,
    first_sale_dt,
    last_sale_dt,
    rank() over (partition by category order by total_revenue desc) as category_rank
from products
