{#
    Rows of a table that were cast when they landed (a specification with `landing: lines`), as silver sees them:
    texts trimmed and folded, null tokens NULL, rows that could not be parsed left out. Where they lie in bronze
    (`_file`, `_row`) stays with them.
#}
{% macro landed_rows(name) %}
{%- set table = (run_value('tables') or {}).get(name, {'columns': [], 'audit': []}) -%}
select
    {%- for column in table['columns'] %}
    {{ typed_column(column, column['type']) }} as {{ column['name'] }},
    {%- endfor %}
    source_file,
    source_line,
    _file,
    _row
from (
    select
        {%- for column in table['columns'] %}
        {{ trimmed_column(column, column['type']) }},
        {%- endfor %}
        source_file,
        source_line,
        _file,
        _row
    from bronze.{{ table['bronze'] or name }}
    where line_reasons is null
) as trimmed
{% endmacro %}

{#
    The rows that could not be parsed or break a rule, as received, each with its `quarantine_reasons`. Received
    values have other names meanwhile, so that only columns that a rule looks at are cast for rows that are none.
#}
{% macro rejected_rows(name) %}
{%- set table = (run_value('tables') or {}).get(name, {'columns': [], 'rules': [], 'bronze': none}) -%}
select
    columns('received_(.*)') as '\1',
    coalesce(line_reasons, {{ broken_rules(name) }}) as quarantine_reasons
from (
    select
        columns('received_.*'),
        line_reasons,
        {%- for column in table['columns'] %}
        {{ typed_column(column, column['type']) }} as {{ column['name'] }}{{ ',' if not loop.last }}
        {%- endfor %}
    from (
        select
            columns('received_.*'),
            line_reasons,
            {%- for column in table['columns'] %}
            {{ trimmed_column(column, column['type']) }}{{ ',' if not loop.last }}
            {%- endfor %}
        from (
            select
                *,
                columns(* exclude (_file, _row, line_reasons)) as 'received_\0'
            from bronze.{{ table['bronze'] or name }}
        ) as received
    ) as trimmed
) as typed
where line_reasons is not null or not {{ keeps_all_rules(name) }}
{% endmacro %}

{# Whether a row keeps every rule of its table. #}
{% macro keeps_all_rules(name) -%}
    {%- set table = (run_value('tables') or {}).get(name, {'rules': []}) -%}
    coalesce({% for rule in table['rules'] %}({{ rule_condition(rule) }}) and {% endfor %}true, false)
{%- endmacro %}

{# The names of the rules that a row breaks, in their order. #}
{% macro broken_rules(name) -%}
    {%- set table = (run_value('tables') or {}).get(name, {'rules': []}) -%}
    list_filter([
        {%- for rule in table['rules'] %}
        case when not coalesce({{ rule_condition(rule) }}, false) then '{{ rule['name'] }}' end{{ ',' if not loop.last }}
        {%- endfor %}
    ], lambda reason: reason is not null)
{%- endmacro %}

{# The valid new rows of the days that are being compared (see published_by_day.sql). #}
{% macro valid_rows_of_batch(name) %}
{%- set table = (run_value('tables') or {}).get(name, {'business_date': {'day_of': 'null'}}) -%}
{%- set moment = table['business_date']['day_of'] -%}
select *
from ({{ landed_rows(name) }}) as landed
where
    {{ moment }} >= getvariable('batch_from')
    and {{ moment }} < getvariable('batch_until')
    and {{ keeps_all_rules(name) }}
{% endmacro %}

{# The released rows of these days, where a release holds the table. #}
{% macro released_rows_of_batch(name) %}
{%- set date = run_value('tables')[name]['business_date']['name'] -%}
select *
from previous.{{ name }}
where
    {{ date }} >= cast(getvariable('batch_from') as date)
    and {{ date }} < cast(getvariable('batch_until') as date)
    and list_contains(getvariable('batch_days'), {{ date }})
{% endmacro %}

{# The released rows of those days among them whose rows are written now, and all of them. #}
{% macro rewritten_rows(name) %}
{%- set date = run_value('tables')[name]['business_date']['name'] -%}
select *
from previous.{{ name }}
where
    {{ date }} >= cast(getvariable('write_from') as date)
    and {{ date }} < cast(getvariable('write_until') as date)
    and list_contains(getvariable('rewritten_days'), {{ date }})
{% endmacro %}
