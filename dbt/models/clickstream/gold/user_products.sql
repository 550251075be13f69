-- Grouped once for both the products of a user and the users of one. A run on top of a release asks which
-- pairs are new instead (see new_events).
select
    user_id,
    product_id,
    {{ count_where("event_type = 'view'") }} as total_views
from {{ source('silver', 'events_cleaned') }}
where {{ 'false' if builds_on_release() else is_counted('event_date') }}
group by user_id, product_id
