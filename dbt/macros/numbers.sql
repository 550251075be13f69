{#
    Figures that come out the same on every warehouse: the names of number types differ, sums widen
    their type in some of them, and division keeps the decimals of its operands in others.
    What belongs to one fact only stays in that fact.
#}
{% macro money_type() -%}
    {{ 'numeric' if target.type == 'bigquery' else 'decimal(18, 2)' }}
{%- endmacro %}

{% macro count_type() -%}
    {{ 'int64' if target.type == 'bigquery' else 'bigint' }}
{%- endmacro %}

{% macro double_type() -%}
    {{ 'float64' if target.type == 'bigquery' else 'double' }}
{%- endmacro %}

{# Exact sum of money; nothing to add up is 0. #}
{% macro total_money(amount) -%}
    cast(coalesce(sum({{ amount }}), 0) as {{ money_type() }})
{%- endmacro %}

{# Sum of whole numbers; nothing to add up is 0. #}
{% macro total_count(number) -%}
    cast(coalesce(sum({{ number }}), 0) as {{ count_type() }})
{%- endmacro %}

{# How many rows a condition is true of. #}
{% macro count_where(condition) -%}
    count(case when {{ condition }} then 1 end)
{%- endmacro %}

{# Quotient as a double; NULL when either side is NULL or the denominator is 0. #}
{% macro ratio(numerator, denominator) -%}
    (cast({{ numerator }} as {{ double_type() }}) / nullif(cast({{ denominator }} as {{ double_type() }}), 0))
{%- endmacro %}

{# How many values a list has. #}
{% macro list_length(list) -%}
    {{ 'array_length' if target.type == 'bigquery' else 'len' }}({{ list }})
{%- endmacro %}
