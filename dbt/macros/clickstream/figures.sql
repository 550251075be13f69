{# Figures of more than one table of the clickstream, and calendar functions that warehouses name differently. #}

{# Quotient in percent; NULL when either side is NULL or the denominator is 0. #}
{% macro percent(numerator, denominator) -%}
    100 * {{ ratio(numerator, denominator) }}
{%- endmacro %}

{#
    Score from 1 to 5 of a rank among `members`: 1 + min(4, floor(5 * percent_rank)). The multiple is taken before
    the division, so that a score never turns on how a share is rounded. A sole member scores 1.
#}
{% macro fifth(rank, members) -%}
    1 + least(4, cast(coalesce(floor({{ ratio('5 * (' ~ rank ~ ' - 1)', members ~ ' - 1') }}), 0) as {{ count_type() }}))
{%- endmacro %}

{# Condition: percent_rank lies below 1/`parts`, tested on whole numbers. The first is always within. #}
{% macro within_top(parts, rank, members) -%}
    {{ rank }} = 1 or {{ parts }} * ({{ rank }} - 1) < {{ members }} - 1
{%- endmacro %}

{% macro days_between(first, last) -%}
    {%- if target.type == 'bigquery' -%}
        date_diff({{ last }}, {{ first }}, day)
    {%- else -%}
        date_diff('day', {{ first }}, {{ last }})
    {%- endif -%}
{%- endmacro %}

{# English name of a day of the week. #}
{% macro day_name(day) -%}
    {%- if target.type == 'bigquery' -%} format_date('%A', {{ day }}) {%- else -%} dayname({{ day }}) {%- endif -%}
{%- endmacro %}

{# Query for each day from the first in `relation` to `last`, as event_date; no row when there is no first. #}
{% macro each_day(relation, last) -%}
    {%- if target.type == 'bigquery' -%}
    select event_date
    from unnest(generate_date_array((select min(first_day.event_date) from {{ relation }} as first_day), {{ last }})) as event_date
    {%- else -%}
    select cast(unnest(generate_series(min(event_date), {{ last }}, interval 1 day)) as date) as event_date
    from {{ relation }}
    {%- endif -%}
{%- endmacro %}
