-- depends_on: {{ ref('recomputed_dates') }}, {{ ref('new_pairs') }}
{% if builds_on_release() -%}
    with removed as (
        select
            product_id,
            {{ event_sums() }},
            {{ total_money('price') }} as total_price
        from {{ source('removed', 'events_cleaned') }}
        group by product_id
    ),

    new_users as (
        select
            product_id,
            count(*) as newly_seen
        from {{ ref('new_pairs') }}
        where is_first_event
        group by product_id
    )

    select
        counted.product_id,
        {{ of_later_event('category_id') }} as category_id,
        {{ of_later_event('category_code') }} as category_code,
        {{ of_later_event('category_l1') }} as category_l1,
        {{ of_later_event('brand') }} as brand,
        {{ merged_sum('total_events', count_type()) }} as total_events,
        {{ merged_sum('total_views', count_type()) }} as total_views,
        {{ merged_sum('total_cart_adds', count_type()) }} as total_cart_adds,
        {{ merged_sum('total_purchases', count_type()) }} as total_purchases,
        {{ merged_sum('total_revenue', money_type()) }} as total_revenue,
        {{ merged_sum('total_price', money_type()) }} as total_price,
        coalesce(previous.unique_users, 0) + coalesce(new_users.newly_seen, 0) as unique_users,
        {{ of_later_event('latest_event_time') }} as latest_event_time
    from {{ ref('product_counts') }} as counted
    left join removed on counted.product_id = removed.product_id
    left join new_users on counted.product_id = new_users.product_id
    left join {{ source('previous', 'product_activity') }} as previous
        on counted.product_id = previous.product_id
    union all
    select
        previous.product_id,
        previous.category_id,
        previous.category_code,
        previous.category_l1,
        previous.brand,
        previous.total_events,
        previous.total_views,
        previous.total_cart_adds,
        previous.total_purchases,
        previous.total_revenue,
        previous.total_price,
        previous.unique_users,
        previous.latest_event_time
    from {{ source('previous', 'product_activity') }} as previous
    left join {{ ref('product_counts') }} as counted on previous.product_id = counted.product_id
    where counted.product_id is null
{%- else -%}
    with users as (
        select product_id, count(*) as unique_users
        from {{ ref('user_products') }}
        group by product_id
    )

    select
        counted.product_id,
        counted.category_id,
        counted.category_code,
        counted.category_l1,
        counted.brand,
        counted.total_events,
        counted.total_views,
        counted.total_cart_adds,
        counted.total_purchases,
        counted.total_revenue,
        counted.total_price,
        users.unique_users,
        counted.latest_event_time
    from {{ ref('product_counts') }} as counted
    inner join users on counted.product_id = users.product_id
{%- endif %}
