{#
    How a received value becomes a typed one. `received` is the physical type of the column in bronze:
    files that were landed from text hold strings, whatever the specification calls the column. Text arrives
    here trimmed (once, for all that follows).
    A value that does not fit its type becomes NULL; no value is ever guessed.
#}

{% macro typed_column(column, received) -%}
    {%- set target = column['becomes'] or column['type'] -%}
    {%- set value = 'trimmed.' ~ column['name'] -%}
    {%- if target == 'string' -%} {{ to_text(value, column.get('lower')) }}
    {%- elif target == 'timestamp' and received == 'timestamp' -%} {{ value }}
    {%- elif target == 'timestamp' -%} {{ to_utc_timestamp(value) }}
    {%- elif target == 'money' -%} {{ to_money(value, received) }}
    {%- elif target == 'float' -%} {{ to_float(value, received) }}
    {%- elif target == 'integer' and column['becomes'] -%} {{ to_whole_number(value) }}
    {%- elif target == 'integer' -%} {{ to_integer(value, received) }}
    {%- elif target == 'boolean' -%} {{ to_boolean(value, received) }}
    {%- else -%} {{ exceptions.raise_compiler_error('no silver type ' ~ target) }}
    {%- endif %}
{%- endmacro %}

{# Most values need no trimming: looking at both ends spares copying them. #}
{% macro trimmed_column(column, received) -%}
    {%- set name = column['name'] -%}
    {%- if received == 'string' -%}
    case
        when ascii({{ name }}) <= 32 or suffix({{ name }}, ' ') or suffix({{ name }}, e'\n')
            or suffix({{ name }}, e'\t') or suffix({{ name }}, e'\r')
            then trim({{ name }}, e' \t\r\n')
        else {{ name }}
    end as {{ name }}
    {%- else -%} {{ name }}
    {%- endif -%}
{%- endmacro %}

{# Null tokens to NULL. The length is compared first: it spares folding long texts. A list, since DuckDB makes a join
   of `in`, which looks at every row. #}
{% macro to_text(text, lower=false) -%}
    case
        when strlen({{ text }}) <= 4 and list_contains(['', 'none', 'null', 'n/a', 'nan'], lower({{ text }})) then null
        else {{ 'lower(' ~ text ~ ')' if lower else text }}
    end
{%- endmacro %}

{# A double is cast through its shortest decimal text, so that 1.005 is 1.01; where it has two decimals
   already, the direct cast is exact and much cheaper. Text and decimals round half away from zero. #}
{% macro to_money(value, received) -%}
    {%- if received == 'float' -%}
    case
        when round({{ value }}, 2) = {{ value }} and abs({{ value }}) < 1e12
            then cast({{ value }} as decimal(18, 2))
        {# DuckDB casts exponent text wrongly where less than half a cent is left: 5e-324 to 0.01. #}
        when abs({{ value }}) < 0.005 then cast(0 as decimal(18, 2))
        else try_cast(cast({{ value }} as varchar) as decimal(18, 2))
    end
    {%- else -%}
    case
        when regexp_full_match({{ value }}, '{{ number_pattern() }}')
            and abs(try_cast({{ value }} as double)) < 0.005
            then cast(0 as decimal(18, 2))
        when regexp_full_match({{ value }}, '{{ number_pattern() }}')
            then try_cast({{ value }} as decimal(18, 2))
    end
    {%- endif -%}
{%- endmacro %}

{% macro to_float(value, received) -%}
    {%- if received == 'float' -%}
    case when isfinite({{ value }}) then cast({{ value }} as double) end
    {%- else -%}
    case
        when regexp_full_match({{ value }}, '{{ number_pattern() }}')
            and isfinite(try_cast({{ value }} as double))
            then try_cast({{ value }} as double)
    end
    {%- endif -%}
{%- endmacro %}

{% macro to_integer(value, received) -%}
    {%- if received == 'integer' -%} cast({{ value }} as bigint)
    {%- else -%}
    case
        when regexp_full_match({{ value }}, '[+-]?[0-9]+')
            then try_cast({{ value }} as bigint)
    end
    {%- endif -%}
{%- endmacro %}

{# A text that is a whole number in whatever spelling: 2, 2.0, 20e-1. #}
{% macro to_whole_number(text) -%}
    case
        when regexp_full_match({{ text }}, '{{ number_pattern() }}')
            and try_cast({{ text }} as decimal(38, 18)) = trunc(try_cast({{ text }} as decimal(38, 18)))
            -- Decimals round a small fraction away (1e-20), doubles that of a large number.
            and try_cast({{ text }} as double) = trunc(try_cast({{ text }} as double))
            then try_cast(try_cast({{ text }} as decimal(38, 18)) as bigint)
    end
{%- endmacro %}

{% macro to_boolean(value, received) -%}
    {%- if received == 'boolean' -%} {{ value }}
    {%- else -%}
    case lower({{ value }})
        when 'true' then true when 't' then true when 'yes' then true when '1' then true
        when 'false' then false when 'f' then false when 'no' then false when '0' then false
    end
    {%- endif -%}
{%- endmacro %}

{% macro number_pattern() -%}
    [+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?
{%- endmacro %}
