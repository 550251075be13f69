-- depends_on: {{ ref('recomputed_dates') }}
-- The one pass over the text of sessions. The users of a recomputed day are here with all their days, so that
-- their own rows will be true, and those of the recomputed days, on which nobody else occurs.
select
    event_date,
    category_l1,
    user_id,
    user_session,
    {{ event_sums() }},
    max(case when event_type = 'purchase' then event_time end) as last_purchase_time
from {{ source('silver', 'events_cleaned') }}
where {{ is_counted('event_date') }} and {{ is_recomputed_user('user_id') }}
group by event_date, category_l1, user_id, user_session
