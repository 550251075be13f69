-- depends_on: {{ ref('new_events') }}
-- One look through all that was counted serves the products of users and the users of products.
{% if builds_on_release() -%}
    with fresh as (
        select
            user_id,
            product_id,
            {{ count_where("event_type = 'view'") }} as total_views
        from {{ ref('new_events') }}
        group by user_id, product_id
    ),

    earlier as (
        select
            fresh.user_id,
            fresh.product_id,
            {{ count_where("events.event_type = 'view'") }} as total_views
        from fresh
        inner join {{ source('previous', 'events_cleaned') }} as events
            on fresh.user_id = events.user_id and fresh.product_id = events.product_id
        where events.event_date <= {{ previous_as_of() }}
        group by fresh.user_id, fresh.product_id
    )

    select
        fresh.user_id,
        fresh.product_id,
        earlier.user_id is null as is_first_event,
        fresh.total_views > 0 and coalesce(earlier.total_views, 0) = 0 as is_first_view
    from fresh
    left join earlier on fresh.user_id = earlier.user_id and fresh.product_id = earlier.product_id
{%- else -%}
    select
        user_id,
        product_id,
        false as is_first_event,
        false as is_first_view
    from {{ ref('new_events') }}
{%- endif %}
