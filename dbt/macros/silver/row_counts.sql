{#
    What a run's accounting needs, counted while a table's checked rows exist and not derived from the outputs.
#}
{% macro begin_row_counts() %}
    {% if execute and target.type == 'duckdb' %}
        {% do run_query('create schema if not exists audit') %}
        {% do run_query(
            'create or replace table audit.row_counts (table_name varchar, bronze bigint, quarantined bigint, '
            ~ 'orphans bigint, valid bigint, distinct_keys bigint)'
        ) %}
    {% endif %}
{% endmacro %}

{% macro export_row_counts() %}
    {% set folder = ((run_value('outputs') or {}).get('audit.row_counts') or '') | replace("'", "''") %}
    {% if execute and folder %}
        {% do run_query("copy audit.row_counts to '" ~ folder ~ "/part-0.parquet' (format parquet)") %}
    {% endif %}
{% endmacro %}

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
