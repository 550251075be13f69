with ranked as (
    select
        *,
        -- Products with revenue come first, so that this is also their rank among themselves.
        rank() over (order by total_revenue desc) as revenue_rank_global,
        {{ count_where('total_revenue > 0') }} over () as products_with_revenue
    from {{ ref('product_activity') }}
)

select
    product_id,
    category_id,
    category_code,
    category_l1,
    brand,
    {{ ratio('total_price', 'total_events') }} as avg_price,
    total_events,
    total_views,
    total_cart_adds,
    total_purchases,
    unique_users,
    total_revenue,
    {{ percent('total_cart_adds', 'total_views') }} as view_to_cart_rate,
    {{ percent('total_purchases', 'total_cart_adds') }} as cart_to_purchase_rate,
    {{ percent('total_purchases', 'total_views') }} as overall_conversion_rate,
    revenue_rank_global,
    case
        when total_revenue = 0 then 'Bottom'
        when {{ within_top(10, 'revenue_rank_global', 'products_with_revenue') }} then 'Top 10%'
        when {{ within_top(4, 'revenue_rank_global', 'products_with_revenue') }} then 'Top 25%'
        when {{ within_top(2, 'revenue_rank_global', 'products_with_revenue') }} then 'Top 50%'
        else 'Bottom'
    end as performance_tier
from ranked
