{#
    A rule of the specification as a condition over the typed columns. A row keeps the rule only where the
    condition IS TRUE, so the caller folds NULL to false.
#}
{% macro rule_condition(rule) -%}
    {%- if rule['not_null'] -%} {{ rule['not_null'] }} is not null
    {%- elif rule['not_negative'] -%} ({{ rule['not_negative'] }} >= 0 or {{ rule['not_negative'] }} is null)
    {%- elif rule['positive'] -%} {{ rule['positive'] }} > 0
    {%- elif rule['not_after_run_date'] -%} cast({{ rule['not_after_run_date'] }} as date) <= {{ run_date() }}
    {%- elif rule['ordered'] -%}
        {%- set low, high = rule['ordered'] -%}
        ({{ low }} <= {{ high }} or {{ low }} is null or {{ high }} is null)
    {%- elif rule['matches'] -%}
        {%- for column, pattern in rule['matches'].items() -%}
        ({{ column }} is null or regexp_full_match({{ column }}, {{ sql_text(pattern) }}))
        {%- endfor -%}
    {%- elif rule['one_of'] -%}
        {%- for column, values in rule['one_of'].items() -%}
        list_contains([{% for value in values %}{{ sql_text(value) }}{{ ', ' if not loop.last }}{% endfor %}], {{ column }})
        {%- endfor -%}
    {%- elif rule['between'] -%}
        {%- for column, bounds in rule['between'].items() -%}
        {{ column }} between {{ bounds[0] }} and {{ bounds[1] }}
        {%- endfor -%}
    {%- elif rule['sql'] -%} ({{ rule['sql'] }})
    {%- else -%} {{ exceptions.raise_compiler_error('rule ' ~ rule['name'] ~ ' has no check') }}
    {%- endif -%}
{%- endmacro %}

{% macro sql_text(text) -%}
    '{{ text | replace("'", "''") }}'
{%- endmacro %}
