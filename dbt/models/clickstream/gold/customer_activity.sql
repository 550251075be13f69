with totals as (
    select
        user_id,
        count(distinct user_session) as total_sessions,
        {{ added_sums() }},
        min(event_date) as first_activity_date,
        max(event_date) as last_activity_date,
        count(distinct event_date) as unique_days_active,
        max(last_purchase_time) as last_purchase_time
    from {{ ref('session_steps') }}
    group by user_id
),

views as (
    select
        user_id,
        count(*) as unique_products_viewed
    from {{ ref('user_products') }}
    where total_views > 0
    group by user_id
)

select
    totals.user_id,
    totals.total_sessions,
    totals.total_events,
    totals.total_views,
    totals.total_cart_adds,
    totals.total_cart_removals,
    totals.total_purchases,
    coalesce(views.unique_products_viewed, 0) as unique_products_viewed,
    totals.total_revenue,
    totals.first_activity_date,
    totals.last_activity_date,
    totals.unique_days_active,
    totals.last_purchase_time
from totals
left join views on totals.user_id = views.user_id
{% if builds_on_release() -%}
    union all
    select
        previous.user_id,
        previous.total_sessions,
        previous.total_events,
        previous.total_views,
        previous.total_cart_adds,
        previous.total_cart_removals,
        previous.total_purchases,
        previous.unique_products_viewed,
        previous.total_revenue,
        previous.first_activity_date,
        previous.last_activity_date,
        previous.unique_days_active,
        previous.last_purchase_time
    from {{ source('previous', 'customer_activity') }} as previous
    left join totals on previous.user_id = totals.user_id
    where totals.user_id is null
{%- endif %}
