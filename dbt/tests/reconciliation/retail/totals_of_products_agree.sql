-- Where the total of every order is that of its items, products come to the same figure as orders.
{{ config(tags=['reconciliation']) }}

with figures as (
    select
        (
            select {{ total_money('performance.total_revenue') }}
            from {{ ref('retail_product_performance') }} as performance
        ) as revenue_of_products,
        (
            select {{ total_money(if_sale('orders.order_status', 'orders.order_total')) }}
            from {{ ref('customer_orders') }} as orders
        ) as revenue_of_orders,
        (
            select count(*)
            from {{ ref('customer_orders') }} as orders
            where
                orders.order_total is null
                or abs(orders.order_total - orders.calculated_total) > 0
        ) as mismatched_orders
)

select
    revenue_of_products,
    revenue_of_orders
from figures
where mismatched_orders = 0 and revenue_of_products <> revenue_of_orders
