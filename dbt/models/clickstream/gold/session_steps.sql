-- depends_on: {{ ref('recomputed_dates') }}
-- The one pass over the text of sessions.
select
    event_date,
    category_l1,
    user_id,
    user_session,
    {{ event_sums() }},
    max(case when event_type = 'purchase' then event_time end) as last_purchase_time
from {{ source('silver', 'events_cleaned') }}
where {{ is_recomputed_date('event_date') }}
group by event_date, category_l1, user_id, user_session
