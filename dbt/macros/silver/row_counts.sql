{#
    What a run's accounting needs, counted while a table's checked rows exist and not derived from the outputs.
    On top of a release the checked rows are the new ones and those that were in quarantine; `rivals` are released
    rows that share their key with one of them.
#}
{% macro begin_row_counts() %}
    {% if target.type == 'duckdb' %}
        {% do run_statements([
            'create schema if not exists audit',
            'create or replace table audit.row_counts (table_name varchar, bronze bigint, quarantined bigint, '
            ~ 'orphans bigint, valid bigint, distinct_keys bigint, rivals bigint)',
            'create or replace table audit.touched (table_name varchar, value varchar, is_rewritten boolean)',
        ]) %}
    {% endif %}
{% endmacro %}

{% macro export_row_counts() %}
    {% set statements = [] %}
    {% for table in ('row_counts', 'touched') %}
        {% set folder = ((run_value('outputs') or {}).get('audit.' ~ table) or '') | replace("'", "''") %}
        {% if folder %}
            {% do statements.append("copy audit." ~ table ~ " to '" ~ folder ~ "/part-0.parquet' (format parquet)") %}
        {% endif %}
    {% endfor %}
    {% do run_statements(statements) %}
{% endmacro %}

{% macro record_row_counts(name) %}
{%- set table = (run_value('tables') or {}).get(name, {'key': ['_row']}) -%}
{%- set key = table['key'] | join(', ') -%}
insert into audit.row_counts
select
    '{{ name }}',
    count(*),
    count(*) filter (_reasons is not null),
    count(*) filter (_reasons[1] like '%\_orphan' escape '\'),
    count(*) filter (_reasons is null),
    (
        select count(*) from (
            select distinct {{ key }}
            from {{ ref(name ~ '_checked') }} where _reasons is null
        )
    ),
    {%- if is_standing(name) %}
    (
        select count(*)
        from previous.{{ name }}
        semi join (select {{ key }} from {{ ref(name ~ '_checked') }} where _reasons is null) as fresh
            using ({{ key }})
    )
    {%- else %}
    0
    {%- endif %}
from {{ ref(name ~ '_checked') }}
{% endmacro %}
