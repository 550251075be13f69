-- depends_on: {{ ref('recomputed_dates') }}, {{ ref('new_events') }}, {{ ref('new_pairs') }}
-- depends_on: {{ ref('session_steps') }}, {{ ref('user_products') }}
{% if builds_on_release() -%}
    with counted as (
        select
            user_id,
            {{ event_sums() }},
            min(event_date) as first_activity_date,
            max(event_date) as last_activity_date,
            max(case when event_type = 'purchase' then event_time end) as last_purchase_time
        from {{ ref('new_events') }}
        group by user_id
    ),

    removed as (
        select
            user_id,
            {{ event_sums() }}
        from {{ source('removed', 'events_cleaned') }}
        group by user_id
    ),

    new_sessions as (
        {{ newly_seen('user_id', 'user_session') }}
    ),

    new_days as (
        {{ newly_seen('user_id', 'event_date') }}
    ),

    new_products as (
        select
            user_id,
            count(*) as newly_seen
        from {{ ref('new_pairs') }}
        where is_first_view
        group by user_id
    )

    select
        counted.user_id,
        coalesce(previous.total_sessions, 0) + coalesce(new_sessions.newly_seen, 0) as total_sessions,
        {{ merged_sum('total_events', count_type()) }} as total_events,
        {{ merged_sum('total_views', count_type()) }} as total_views,
        {{ merged_sum('total_cart_adds', count_type()) }} as total_cart_adds,
        {{ merged_sum('total_cart_removals', count_type()) }} as total_cart_removals,
        {{ merged_sum('total_purchases', count_type()) }} as total_purchases,
        coalesce(previous.unique_products_viewed, 0)
        + coalesce(new_products.newly_seen, 0) as unique_products_viewed,
        {{ merged_sum('total_revenue', money_type()) }} as total_revenue,
        case
            when previous.first_activity_date < counted.first_activity_date then previous.first_activity_date
            else counted.first_activity_date
        end as first_activity_date,
        case
            when previous.last_activity_date > counted.last_activity_date then previous.last_activity_date
            else counted.last_activity_date
        end as last_activity_date,
        coalesce(previous.unique_days_active, 0) + coalesce(new_days.newly_seen, 0) as unique_days_active,
        case
            when previous.last_purchase_time > counted.last_purchase_time then previous.last_purchase_time
            else coalesce(counted.last_purchase_time, previous.last_purchase_time)
        end as last_purchase_time
    from counted
    left join {{ source('previous', 'customer_activity') }} as previous on counted.user_id = previous.user_id
    left join removed on counted.user_id = removed.user_id
    left join new_sessions on counted.user_id = new_sessions.user_id
    left join new_days on counted.user_id = new_days.user_id
    left join new_products on counted.user_id = new_products.user_id
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
    left join counted on previous.user_id = counted.user_id
    where counted.user_id is null
{%- else -%}
    with counted as (
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
        counted.user_id,
        counted.total_sessions,
        counted.total_events,
        counted.total_views,
        counted.total_cart_adds,
        counted.total_cart_removals,
        counted.total_purchases,
        coalesce(views.unique_products_viewed, 0) as unique_products_viewed,
        counted.total_revenue,
        counted.first_activity_date,
        counted.last_activity_date,
        counted.unique_days_active,
        counted.last_purchase_time
    from counted
    left join views on counted.user_id = views.user_id
{%- endif %}
