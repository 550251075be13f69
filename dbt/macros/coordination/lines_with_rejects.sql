{#
    The lines of the new files that hold a rejected record, with the same fields as the relation `records` has: most files
    hold none, and none of these is opened again.
#}
{% macro lines_with_rejects(name, lines, judged) -%}
    {%- set files = [] -%}
    {%- if execute and run_value('outputs') -%}
        {%- set found = run_query('select distinct _file from ' ~ judged ~ ' where len(quarantine_reasons) > 0 order by 1') -%}
        {%- set fresh = (run_value('fresh_files') or {}).get(name, []) -%}
        {%- for file in found.columns[0].values() if file in fresh -%}
            {%- do files.append(sql_text(file)) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- set fields = ((run_value('tables') or {}).get(name) or {'feed': {'fields': []}})['feed']['fields'] -%}
    {%- set kinds = {'source_file': 'VARCHAR', 'source_row': 'BIGINT', 'ingested_at': 'TIMESTAMP'} -%}
    {%- for field in fields + ['_malformed'] -%} {%- do kinds.update({field: 'JSON'}) -%} {%- endfor -%}
select
    {%- for field in kinds %}
    record."{{ field }}" as "{{ field }}",
    {%- endfor %}
    line,
    _file
from (
    select
        json_transform(json, '{{ kinds | tojson }}') as record,
        json as line,
        _file
    from {{ lines }}
    {%- if files %}
    where _file in ({{ files | join(', ') }})
    {%- else %}
    where false
    {%- endif %}
) as lines_of_files
{%- endmacro %}
