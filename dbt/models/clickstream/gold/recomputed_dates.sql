-- Days whose events are counted in this run: all, or those that the release before does not hold as they are.
select distinct event_date
from {{ source('silver', 'events_cleaned') }}
where {{ is_counted('event_date') }} and {{ is_new_or_changed('event_date') }}
