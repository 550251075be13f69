{#
    A sum of the release before (`previous`), less that of its rows that are gone (`removed`), plus that of the new
    ones (`counted`).
#}
{% macro merged_sum(sum, type) -%}
    cast(coalesce(previous.{{ sum }}, 0) - coalesce(removed.{{ sum }}, 0) + counted.{{ sum }} as {{ type }})
{%- endmacro %}

{#
    The column as its later event has it. Events do not vanish: had the latest one been among the removed, it would be
    among the counted, too, and these win.
#}
{% macro of_later_event(column) -%}
    case
        when previous.latest_event_time > counted.latest_event_time then previous.{{ column }}
        else counted.{{ column }}
    end
{%- endmacro %}

{#
    How many values of `counted` each `per` has met for the first time, as `newly_seen`. All columns are part of an
    event's key, and events do not vanish: what was seen once stays so, and the counts of distinct values add up.
    New events lie on recomputed days: only there can their days have been seen.
#}
{% macro newly_seen(per, counted) -%}
    select
        fresh.{{ per }},
        count(*) as newly_seen
    from (
        select distinct
            {{ per }},
            {{ counted }}
        from {{ ref('new_events') }}
    ) as fresh
    where
        not exists (
            select 1
            from {{ source('previous', 'events_cleaned') }} as earlier
            where
                earlier.event_date <= {{ previous_as_of() }}
                {%- if counted == 'event_date' %}
                and {{ is_recomputed_date('earlier.event_date') }}
                {%- endif %}
                and earlier.{{ per }} = fresh.{{ per }}
                and earlier.{{ counted }} = fresh.{{ counted }}
        )
    group by fresh.{{ per }}
{%- endmacro %}
