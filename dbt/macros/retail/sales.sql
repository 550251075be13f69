{# What more than one table of retail means by its words, and calendar functions that warehouses name differently. #}

{# Condition: the order is not after the run date. Gold counts no others. #}
{% macro is_placed(relation) -%}
    {{ relation }}.order_dt <= {{ run_date() }}
{%- endmacro %}

{# Condition: the order earns money. #}
{% macro is_sale(relation) -%}
    {{ relation }}.status not in ('cancelled', 'failed')
{%- endmacro %}

{# The amount of a sale, NULL of an order that was none. #}
{% macro if_sale(status, amount) -%}
    case when {{ status }} not in ('cancelled', 'failed') then {{ amount }} end
{%- endmacro %}

{% macro days_before(day, days) -%}
    {%- if target.type == 'bigquery' -%}
        date_sub({{ day }}, interval {{ days }} day)
    {%- else -%}
        {{ day }} - {{ days }}
    {%- endif -%}
{%- endmacro %}

{# Query for each day from the first order_dt in `relation` to the run date; no row when there is no first. #}
{% macro each_order_day(relation) -%}
    {%- if target.type == 'bigquery' -%}
    select order_dt
    from unnest(generate_date_array((select min(first_day.order_dt) from {{ relation }} as first_day), {{ run_date() }})) as order_dt
    {%- else -%}
    select cast(unnest(generate_series(min(order_dt), {{ run_date() }}, interval 1 day)) as date) as order_dt
    from {{ relation }}
    {%- endif -%}
{%- endmacro %}
