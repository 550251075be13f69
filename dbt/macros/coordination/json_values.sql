{#
    Values of JSON records as silver reads them. A `value` is JSON text as DuckDB extracts it (a string with its
    quotes, NULL for a missing member and for null); functions of the run's own process, `canonical_json` and others, are
    registered by tasks/json_functions.py.
#}

{# The first byte of JSON text tells its kind. #}
{% macro is_string(value) -%} ascii({{ value }}) = 34 {%- endmacro %}
{% macro is_nested(value) -%} ascii({{ value }}) in (91, 123) {%- endmacro %}

{# A scalar as text, null tokens not yet told apart: strings trimmed; objects and arrays are NULL. #}
{% macro json_text(value) -%}
    case
        when {{ is_string(value) }} then trim({{ value }} ->> '$', e' \t\r\n')
        when {{ is_nested(value) }} then null
        when regexp_matches(cast({{ value }} as varchar), '^-?[0-9].*[.eE]') then canonical_json(cast({{ value }} as varchar))
        else cast({{ value }} as varchar)
    end
{%- endmacro %}

{# A scalar: NULL for null tokens. `text` comes from json_text. #}
{% macro scalar(text, lower=false) -%} {{ to_text(text, lower) }} {%- endmacro %}

{# Whether a field is present: an object, an array, or a scalar that is not NULL. #}
{% macro is_present(value, text) -%}
    ({{ is_nested(value) }} or ({{ scalar(text) }}) is not null)
{%- endmacro %}

{#
    A moment: text as everywhere, or epoch in seconds, milliseconds or microseconds. `text` comes from json_text. Nothing
    later than the year 9999 is one.
#}
{% macro json_moment(value, text) -%}
    case
        when {{ text }} is null then null
        when {{ is_string(value) }} and not regexp_full_match({{ text }}, '[0-9]{10,}')
            then {{ to_utc_timestamp(text) }}
        when regexp_full_match({{ text }}, '[0-9]+')
            then {{ epoch_moment('try_cast(' ~ text ~ ' as decimal(38, 0))', text, is_string(value)) }}
        when not {{ is_string(value) }} and try_cast({{ text }} as double) >= 1e9
            then {{ epoch_moment('cast(try_cast(' ~ text ~ ' as double) as decimal(38, 6))', text, 'true') }}
    end
{%- endmacro %}

{% macro epoch_moment(number, text, is_counted) -%}
    case
        when {{ number }} < 1000000000 and not {{ is_counted }} then null
        when {{ number }} < 100000000000 then make_timestamp(cast(floor({{ number }} * 1000000) as bigint))
        when {{ number }} < 100000000000000 then make_timestamp(cast(floor({{ number }} * 1000) as bigint))
        when {{ number }} <= 253402300799999999 then make_timestamp(cast(floor({{ number }}) as bigint))
    end
{%- endmacro %}

{# A member of an object, NULL where it is null or the value is no object. #}
{% macro json_member(value, name) -%}
    nullif(cast(json_extract({{ value }}, '$.{{ name }}') as varchar), 'null')
{%- endmacro %}
