-- A line that could not be parsed says why itself; no rule is evaluated on it.
select
    *,
    '{{ run_value('run_id') }}' as run_id
from ({{ rejected_rows('events_cleaned') }}) as rejected
