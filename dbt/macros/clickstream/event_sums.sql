{#
    What events of the shop come to: how many of each type, and what was paid. `event_sums` counts rows of silver,
    `added_sums` adds up rows that were counted so.
#}
{% macro event_sums() -%}
    count(*) as total_events,
    {{ count_where("event_type = 'view'") }} as total_views,
    {{ count_where("event_type = 'cart'") }} as total_cart_adds,
    {{ count_where("event_type = 'remove_from_cart'") }} as total_cart_removals,
    {{ count_where("event_type = 'purchase'") }} as total_purchases,
    {{ total_money("case when event_type = 'purchase' then price end") }} as total_revenue
{%- endmacro %}

{% macro added_sums() -%}
    {%- for count in ['events', 'views', 'cart_adds', 'cart_removals', 'purchases'] -%}
    {{ total_count('total_' ~ count) }} as total_{{ count }},
    {% endfor -%}
    {{ total_money('total_revenue') }} as total_revenue
{%- endmacro %}
