{#
    Values of silver that gold shows masked or not at all (the run's `gold_policies`).

    In DuckDB a model of gold takes them as they are, and they are masked as its table is written (`published`). A
    warehouse has neither the value nor the key: the mask is loaded in place of the column, as `<column>__masked`.
#}
{% macro to_be_masked(column) -%}
    {%- set policies = run_value('gold_policies') -%}
    {%- set is_kept = policies is mapping and column.split('.')[-1] not in policies -%}
    {{ column ~ ('' if target.type == 'duckdb' or is_kept else '__masked') }}
{%- endmacro %}

{# Rule of a column of gold: it shows masks only, or nothing, where the specification says so. #}
{% macro keeps_its_policy(column) -%}
    {%- set policy = (run_value('gold_policies') or {}).get(column) -%}
    {%- if policy == 'drop' -%} {{ column }} is null
    {%- elif policy != 'mask' -%} true
    {%- elif target.type == 'bigquery' -%} {{ column }} is null or regexp_contains({{ column }}, '^[0-9a-f]{64}$')
    {%- else -%} {{ column }} is null or regexp_full_match({{ column }}, '[0-9a-f]{64}')
    {%- endif -%}
{%- endmacro %}
