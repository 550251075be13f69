{#
    Text to a UTC timestamp in microseconds. DuckDB's own cast is too generous (2024-1-1, 24:00, years BC)
    and drops an offset instead of applying it, so the text must match the grammar first:
    a date, optionally a time to the minute, second or fraction, optionally a zone (Z, UTC or an offset).
#}
{% macro to_utc_timestamp(text) -%}
    {%- set date = '[0-9]{4}-[0-9]{2}-[0-9]{2}' -%}
    {%- set minute = '([01][0-9]|2[0-3]):[0-5][0-9]' -%}
    {%- set second = ':[0-5][0-9]([.][0-9]+)?' -%}
    {%- set zone = '(Z|UTC|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)' -%}
    case
        when {{ text }} < '0001' then null
        -- What is in UTC already, which is most, needs no offset taken off: the cast drops it.
        when regexp_full_match({{ text }}, '{{ date }}([T ]{{ minute }}{{ second }}(Z|[+]00:?00)?)?')
            then try_cast({{ text }} as timestamp)
        when regexp_full_match(upper({{ text }}), '{{ date }}[T ]{{ minute }}({{ second }})? ?{{ zone }}?')
            then {{ shifted_to_utc('upper(' ~ text ~ ')') }}
    end
{%- endmacro %}

{# The parts stand at fixed places: the date in 1-10, the minute in 12-16, the rest from 17 on. #}
{% macro shifted_to_utc(text) -%}
    try_cast(
        left({{ text }}, 10) || ' ' || substr({{ text }}, 12, 5)
        || coalesce(nullif(regexp_extract(substr({{ text }}, 17), '^:[0-9]{2}([.][0-9]+)?'), ''), ':00')
        as timestamp
    ) - to_minutes(
        case when regexp_matches(substr({{ text }}, 17), '-[0-9:]+$') then -1 else 1 end * (
            60 * coalesce(try_cast(regexp_extract(substr({{ text }}, 17), '[+-]([0-9]{2})', 1) as integer), 0)
            + coalesce(try_cast(regexp_extract(substr({{ text }}, 17), '[+-][0-9]{2}:?([0-9]{2})', 1) as integer), 0)
        )
    )
{%- endmacro %}
