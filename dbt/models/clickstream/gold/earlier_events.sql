-- The history of the few users who have new events; nobody else's counts of distinct things can change.
select
    user_id,
    product_id,
    user_session,
    event_date,
    event_type
{% if builds_on_release() -%}
    from {{ source('previous', 'events_cleaned') }}
    where
        event_date <= {{ previous_as_of() }}
        and user_id in (select new_events.user_id from {{ ref('new_events') }} as new_events)
{%- else -%}
    from {{ ref('new_events') }}
{%- endif %}
