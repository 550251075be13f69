{#
    Values of JSON records as silver reads them. A `value` is JSON text as DuckDB extracts it (a string with its
    quotes, NULL for a missing member and for null); functions of the run's own process, `canonical_json` and others, are
    registered by tasks/json_functions.py.
#}

{# The first byte of JSON text tells its kind. #}
{% macro is_string(value) -%} ascii({{ value }}) = 34 {%- endmacro %}
{% macro is_nested(value) -%} ascii({{ value }}) in (91, 123) {%- endmacro %}

{#
    A scalar as text, null tokens not yet told apart: strings trimmed; objects and arrays are NULL. `string` is a column with
    the content of strings, where there is one: to read JSON costs more than all else.
#}
{% macro json_text(value, string=none) -%}
    case
        when {{ is_string(value) }} then {{ trimmed(string or (value ~ " ->> '$'")) }}
        when {{ is_nested(value) }} then null
        when regexp_matches(cast({{ value }} as varchar), '^-?[0-9].*[.eE]') then canonical_json(cast({{ value }} as varchar))
        else cast({{ value }} as varchar)
    end
{%- endmacro %}

{# Most texts need no trimming: looking at both ends spares copying them. #}
{% macro trimmed(text) -%}
    case
        when ascii({{ text }}) <= 32 or suffix({{ text }}, ' ') or suffix({{ text }}, e'\n')
            or suffix({{ text }}, e'\t') or suffix({{ text }}, e'\r')
            then trim({{ text }}, e' \t\r\n')
        else {{ text }}
    end
{%- endmacro %}

{# A scalar: NULL for null tokens. `text` comes from json_text. (DuckDB would make a join of a list.) #}
{% macro scalar(text, lower=false) -%}
    case
        when strlen({{ text }}) > 4 then {{ 'lower(' ~ text ~ ')' if lower else text }}
        when {{ text }} = '' or lower({{ text }}) = 'none' or lower({{ text }}) = 'null'
            or lower({{ text }}) = 'n/a' or lower({{ text }}) = 'nan' then null
        else {{ 'lower(' ~ text ~ ')' if lower else text }}
    end
{%- endmacro %}

{# Whether a field is present: an object, an array, or a scalar that is not NULL. #}
{% macro is_present(value, text) -%}
    ({{ is_nested(value) }} or ({{ scalar(text) }}) is not null)
{%- endmacro %}

{#
    The moment that a value tells in the usual spelling, "2026-01-08T12:00:00Z" with its quotes: at its length nothing else
    fits the pattern. NULL where it is spelled otherwise.
#}
{% macro usual_moment(value) -%}
    case
        when strlen(cast({{ value }} as varchar)) = 22 and cast({{ value }} as varchar) >= '"0001'
            then try_strptime(cast({{ value }} as varchar), '"%Y-%m-%dT%H:%M:%SZ"')
    end
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
            then {{ epoch_moment('try_cast(try_cast(' ~ text ~ ' as double) as decimal(38, 6))', text, 'true') }}
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

{# A member of an object, NULL where it is null or the value is no object. Looking for its name spares reading most. #}
{% macro json_member(value, name) -%}
    case
        when contains(cast({{ value }} as varchar), '"{{ name }}"')
            then nullif(cast(json_extract({{ value }}, '$.{{ name }}') as varchar), 'null')
    end
{%- endmacro %}
