{# Schemas are named for their layer, in every target: silver.orders, gold.fct_finance_revenue. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name | trim if custom_schema_name else target.schema }}
{%- endmacro %}
