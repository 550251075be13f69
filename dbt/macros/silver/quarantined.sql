{# The rejected rows as they were received, with every reason and the run that rejected them. #}
{% macro quarantined(name) %}
-- The check's table is dropped after this model, so the survivors must have been written before it.
-- depends_on: {{ ref(name) }}
select
    received.* exclude (_file, _row),
    checked._reasons as quarantine_reasons,
    '{{ run_value('run_id') }}' as run_id
from {{ source('bronze', name) }} as received
inner join {{ ref(name ~ '_checked') }} as checked
    on received._file = checked._file and received._row = checked._row
{% endmacro %}

{# What the run's accounting needs, counted from the checked rows and not derived from the outputs. #}
{% macro record_row_counts(name) %}
{%- set table = (run_value('tables') or {}).get(name, {'key': ['_row']}) -%}
insert into audit.row_counts
select
    '{{ name }}',
    count(*),
    count(*) filter (_reasons is not null),
    count(*) filter (_reasons[1] like '%\_orphan' escape '\'),
    count(*) filter (_reasons is null),
    (
        select count(*) from (
            select distinct {{ table['key'] | join(', ') }}
            from {{ ref(name ~ '_checked') }} where _reasons is null
        )
    )
from {{ ref(name ~ '_checked') }}
{% endmacro %}
