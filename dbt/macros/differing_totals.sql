{#
    Body of a reconciliation: sums that must agree to the cent. Returns nothing when they do, else
    every one of them, so that the report of a failed test shows which stands out.

    totals: a list of (relation, amount), the amount being an expression over the relation's columns;
    (relation, amount, name) where the expression itself cannot stand in the report, for the quotes in it.
#}
{% macro differing_totals(totals) -%}
with figures as (
    {%- for total in totals %}
    {%- set relation, amount = total[0], total[1] %}
    select
        '{{ relation.schema }}.{{ relation.identifier }}: {{ total[2] or amount }}' as figure,
        {{ total_money(amount) }} as total
    from {{ relation }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select
    figure,
    total
from figures
where (select count(distinct total) from figures) > 1
{%- endmacro %}
