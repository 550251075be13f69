-- depends_on: {{ ref('recomputed_dates') }}
-- The users of session_steps by product: grouped once for both the products of a user and the users of one.
select
    events.user_id,
    events.product_id,
    {{ count_where("events.event_type = 'view'") }} as total_views,
    {% if builds_on_release() -%}
        {{ count_where('recomputed.event_date is null') }}
    {%- else -%}
        0
    {%- endif %} as standing_events
from {{ source('silver', 'events_cleaned') }} as events
{% if builds_on_release() -%}
    left join {{ ref('recomputed_dates') }} as recomputed on events.event_date = recomputed.event_date
{% endif -%}
where {{ is_counted('events.event_date') }} and {{ is_recomputed_user('events.user_id') }}
group by events.user_id, events.product_id
