-- depends_on: {{ ref('recomputed_dates') }}
with user_days as (
    select
        event_date,
        user_id,
        {{ added_sums() }}
    from {{ ref('session_steps') }}
    where {{ is_recomputed_date('event_date') }}
    group by event_date, user_id
),

days_of_users as (
    select
        event_date,
        {{ added_sums() }},
        count(*) as unique_users,
        {{ count_where('total_purchases > 0') }} as unique_buyers
    from user_days
    group by event_date
),

days_of_sessions as (
    select
        event_date,
        count(distinct user_session) as unique_sessions
    from {{ ref('session_steps') }}
    where {{ is_recomputed_date('event_date') }}
    group by event_date
),

counted_days as (
    select
        days_of_users.event_date,
        days_of_users.total_events,
        days_of_users.total_views,
        days_of_users.total_cart_adds,
        days_of_users.total_purchases,
        days_of_users.unique_users,
        days_of_sessions.unique_sessions,
        days_of_users.unique_buyers,
        days_of_users.total_revenue
    from days_of_users
    inner join days_of_sessions on days_of_users.event_date = days_of_sessions.event_date
    {% if builds_on_release() -%}
        union all
        select
            previous.event_date,
            previous.total_events,
            previous.total_views,
            previous.total_cart_adds,
            previous.total_purchases,
            previous.unique_users,
            previous.unique_sessions,
            previous.unique_buyers,
            previous.total_revenue
        from {{ source('previous', 'daily_sales_summary') }} as previous
        left join days_of_users on previous.event_date = days_of_users.event_date
        where days_of_users.event_date is null
    {%- endif %}
),

calendar as (
    {{ each_day('counted_days', as_of()) }}
),

days as (
    select
        calendar.event_date,
        coalesce(counted.total_events, 0) as total_events,
        coalesce(counted.total_views, 0) as total_views,
        coalesce(counted.total_cart_adds, 0) as total_cart_adds,
        coalesce(counted.total_purchases, 0) as total_purchases,
        coalesce(counted.unique_users, 0) as unique_users,
        coalesce(counted.unique_sessions, 0) as unique_sessions,
        coalesce(counted.unique_buyers, 0) as unique_buyers,
        cast(coalesce(counted.total_revenue, 0) as {{ money_type() }}) as total_revenue
    from calendar
    left join counted_days as counted on calendar.event_date = counted.event_date
),

-- No day is missing, so that seven rows are seven days.
windows as (
    select
        *,
        sum(total_revenue) over (order by event_date rows between 6 preceding and current row) as revenue_7d,
        count(*) over (order by event_date rows between 6 preceding and current row) as days_7d,
        lag(total_revenue) over (order by event_date) as revenue_day_before
    from days
)

select
    event_date,
    {{ day_name('event_date') }} as day_name,
    total_events,
    total_views,
    total_cart_adds,
    total_purchases,
    unique_users,
    unique_sessions,
    unique_buyers,
    total_revenue,
    {{ ratio('total_revenue', 'total_purchases') }} as avg_order_value,
    {{ percent('total_purchases', 'total_views') }} as overall_conversion_rate,
    {{ percent('unique_buyers', 'unique_users') }} as buyer_rate,
    {{ ratio('revenue_7d', 'days_7d') }} as revenue_7d_avg,
    {{ percent('total_revenue - revenue_day_before', 'revenue_day_before') }} as revenue_dod_change
from windows
