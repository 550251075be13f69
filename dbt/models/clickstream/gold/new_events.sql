-- depends_on: {{ ref('recomputed_dates') }}
-- Where a run builds on a release, most of a recomputed day may have been counted before.
select
    events.user_id,
    events.product_id,
    events.user_session,
    events.event_date,
    events.event_type
from {{ source('silver', 'events_cleaned') }} as events
{% if builds_on_release() -%}
    where
        {{ is_recomputed_date('events.event_date') }}
        and not exists (
            select 1
            from {{ source('previous', 'events_cleaned') }} as known
            where
                known.event_id = events.event_id
                and known.event_date <= {{ previous_as_of() }}
                and {{ is_recomputed_date('known.event_date') }}
        )
{%- else -%}
    where false
{%- endif %}
