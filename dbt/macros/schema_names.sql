{#
    Schemas are named for their layer: silver.orders, gold.fct_finance_revenue. In a warehouse a layer is a dataset,
    which the run names.
#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- set layer = custom_schema_name | trim if custom_schema_name else target.schema -%}
    {{ (run_value('datasets') or {}).get(layer, layer) }}
{%- endmacro %}
