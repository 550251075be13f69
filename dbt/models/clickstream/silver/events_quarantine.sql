-- A line that could not be parsed says why itself; no rule is evaluated on it.
select
    received.* exclude (_file, _row, line_reasons),
    coalesce(line_reasons, quarantine_reasons) as quarantine_reasons,
    '{{ run_value('run_id') }}' as run_id
from ({{ judged_rows('events_cleaned') }}) as judged
where line_reasons is not null or quarantine_reasons is not null
