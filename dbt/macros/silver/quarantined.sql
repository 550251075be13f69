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
where {{ in_files_with_rejects(name) }}
{% endmacro %}

{# Only the files that hold a rejected row are opened again: in most there is none. #}
{% macro in_files_with_rejects(name) -%}
    {%- if not execute or not run_value('outputs') -%} true
    {%- else -%}
        {%- set found = run_query(
            'select distinct _file from ' ~ ref(name ~ '_checked') ~ ' where _reasons is not null order by 1'
        ) -%}
        {%- set files = found.columns[0].values() -%}
        {%- if not files -%} false
        {%- else -%}
        received._file in ({% for file in files %}{{ sql_text(file) }}{{ ', ' if not loop.last }}{% endfor %})
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
