-- A line that could not be parsed says why itself; no rule is evaluated on it.
select
    *,
    '{{ run_value('run_id') }}' as run_id
from ({{ rejected_rows('events_cleaned') }}) as rejected
{%- if 'previous.events_quarantine' in (run_value('inputs') or {}) %}
-- Some of the released ones were corrected: the others are written anew.
union all by name
select *
from previous.events_quarantine
{%- endif %}
