-- As many converted carts as orders with a cart, wherever they are counted, and never more than orders.
{{ config(tags=['reconciliation']) }}

with figures as (
    select
        'fct_cart_abandonment: carts converted' as figure,
        {{ total_count('carts_converted') }} as total
    from {{ ref('fct_cart_abandonment') }}
    union all
    select
        'fct_marketing_attribution: carts converted' as figure,
        {{ total_count('carts_converted') }} as total
    from {{ ref('fct_marketing_attribution') }}
    union all
    select
        'fct_marketing_attribution: orders with a cart' as figure,
        {{ total_count('attributed_orders') }} as total
    from {{ ref('fct_marketing_attribution') }}
    union all
    select
        'fct_daily_dashboard: carts converted' as figure,
        {{ total_count('carts_converted') }} as total
    from {{ ref('fct_daily_dashboard') }}
),

agreement as (
    select
        min(total) as smallest,
        max(total) as largest,
        (select count(*) from {{ ref('orders') }}) as orders_count
    from figures
)

select
    figures.figure,
    figures.total,
    agreement.orders_count
from figures
cross join agreement
where agreement.smallest < agreement.largest or agreement.largest > agreement.orders_count
