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
