-- depends_on: {{ ref('recomputed_dates') }}
with sessions as (
    -- A session counts once in a cell, also when several users share it.
    select
        event_date,
        category_l1,
        user_session,
        {{ added_sums() }}
    from {{ ref('session_steps') }}
    where {{ is_recomputed_date('event_date') }}
    group by event_date, category_l1, user_session
),

cells as (
    select
        event_date,
        category_l1,
        count(*) as total_sessions,
        {{ count_where('total_views > 0') }} as sessions_with_view,
        {{ count_where('total_cart_adds > 0') }} as sessions_with_cart,
        {{ count_where('total_purchases > 0') }} as sessions_with_purchase,
        {{ count_where('total_views > 0 and total_cart_adds > 0') }} as view_and_cart,
        {{ count_where('total_cart_adds > 0 and total_purchases > 0') }} as cart_and_purchase,
        {{ total_money('total_revenue') }} as total_revenue
    from sessions
    group by event_date, category_l1
)

select
    event_date,
    category_l1,
    total_sessions,
    sessions_with_view,
    sessions_with_cart,
    sessions_with_purchase,
    {{ percent('view_and_cart', 'sessions_with_view') }} as session_view_to_cart_rate,
    {{ percent('cart_and_purchase', 'sessions_with_cart') }} as session_cart_to_purchase_rate,
    {{ percent('sessions_with_cart - cart_and_purchase', 'sessions_with_cart') }} as cart_abandonment_rate,
    total_revenue
from cells
{% if builds_on_release() -%}
    union all
    select
        previous.event_date,
        previous.category_l1,
        previous.total_sessions,
        previous.sessions_with_view,
        previous.sessions_with_cart,
        previous.sessions_with_purchase,
        previous.session_view_to_cart_rate,
        previous.session_cart_to_purchase_rate,
        previous.cart_abandonment_rate,
        previous.total_revenue
    from {{ source('previous', 'conversion_funnel') }} as previous
    where not {{ is_recomputed_date('previous.event_date') }}
{%- endif %}
