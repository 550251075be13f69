{#
    A product of the release before (`previous`), less its events on the recomputed days as they were (`replaced`),
    plus those as they are (`counted`).
#}
{% macro with_replaced(sum, type) -%}
    cast(coalesce(previous.{{ sum }}, 0) - coalesce(replaced.{{ sum }}, 0) + counted.{{ sum }} as {{ type }})
{%- endmacro %}

{#
    The column as its later event has it. Events do not vanish: had the latest one been among the replaced, it would be
    among the counted, too, and these win.
#}
{% macro of_later_event(column) -%}
    case
        when previous.latest_event_time > counted.latest_event_time then previous.{{ column }}
        else counted.{{ column }}
    end
{%- endmacro %}
