-- depends_on: {{ ref('recomputed_dates') }}, {{ ref('new_events') }}
-- Each step reads its columns from silver anew: rows that several steps share would be copied first, ids and
-- all. A product hardly ever changes its category or brand, so that there is nearly one variant a product.
with variants as (
    select
        product_id,
        category_id,
        category_code,
        category_l1,
        brand,
        {{ event_sums() }},
        {{ total_money('price') }} as total_price,
        max(event_time) as latest_event_time
    {% if builds_on_release() -%}
        from {{ ref('new_events') }}
    {%- else -%}
        from {{ source('silver', 'events_cleaned') }}
        where {{ is_counted('event_date') }}
    {%- endif %}
    group by product_id, category_id, category_code, category_l1, brand
),

counted as (
    select
        product_id,
        {{ added_sums() }},
        {{ total_money('total_price') }} as total_price,
        max(latest_event_time) as latest_event_time
    from variants
    group by product_id
),

candidates as (
    select
        variants.product_id,
        variants.category_id,
        variants.category_code,
        variants.category_l1,
        variants.brand,
        variants.latest_event_time,
        count(*) over (partition by variants.product_id) as variants_of_the_moment
    from variants
    inner join counted
        on variants.product_id = counted.product_id and variants.latest_event_time = counted.latest_event_time
),

-- Ids are long and read only for products that are described in several ways at their latest moment.
ambiguous as (
    select
        product_id,
        latest_event_time
    from candidates
    where variants_of_the_moment > 1
    {% if builds_on_release() -%}
        -- Of the very moment of the latest event that was counted before.
        union distinct
        select
            counted.product_id,
            counted.latest_event_time
        from counted
        inner join {{ source('previous', 'product_activity') }} as previous
            on
                counted.product_id = previous.product_id
                and counted.latest_event_time = previous.latest_event_time
    {%- else -%}
        group by product_id, latest_event_time
    {%- endif %}
),

contested as (
    select
        events.product_id,
        events.category_id,
        events.category_code,
        events.category_l1,
        events.brand,
        row_number() over (partition by events.product_id order by events.event_id desc) as precedence
    from {{ source('silver', 'events_cleaned') }} as events
    inner join ambiguous
        on events.product_id = ambiguous.product_id and events.event_time = ambiguous.latest_event_time
    where {{ is_recomputed_date('events.event_date') }}
),

described as (
    select
        candidates.product_id,
        candidates.category_id,
        candidates.category_code,
        candidates.category_l1,
        candidates.brand
    from candidates
    left join ambiguous on candidates.product_id = ambiguous.product_id
    where ambiguous.product_id is null
    union all
    select product_id, category_id, category_code, category_l1, brand
    from contested
    where precedence = 1
)

select
    counted.product_id,
    described.category_id,
    described.category_code,
    described.category_l1,
    described.brand,
    counted.total_events,
    counted.total_views,
    counted.total_cart_adds,
    counted.total_purchases,
    counted.total_revenue,
    counted.total_price,
    counted.latest_event_time
from counted
inner join described on counted.product_id = described.product_id
