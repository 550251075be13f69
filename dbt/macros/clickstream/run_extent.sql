{#
    How far a run of gold reaches. Beside the keys of macros/run_inputs.sql a run passes
      as_of   the last day that counts; none: the last one with events
      base    none: everything is computed. Else {"dates": [day, ...]}: silver may differ from the release before
              on these days alone, and source `previous` holds that release.
#}
{% macro as_of() -%}
    {%- if run_value('as_of') -%}
        date '{{ run_value('as_of') }}'
    {%- else -%}
        (select max(last_day.event_date) from {{ source('silver', 'events_cleaned') }} as last_day)
    {%- endif -%}
{%- endmacro %}

{# Condition: the day counts. Always true where the last day with events is the last that counts. #}
{% macro is_counted(day) -%}
    {{ day ~ ' <= ' ~ as_of() if run_value('as_of') else 'true' }}
{%- endmacro %}

{# Condition: the day is one whose events are counted in this run. #}
{% macro is_recomputed_date(day) -%}
    {%- if builds_on_release() -%}
    {{ day }} in (select recomputed.event_date from {{ ref('recomputed_dates') }} as recomputed)
    {%- else -%}
    {{ is_counted(day) }}
    {%- endif -%}
{%- endmacro %}

{# Whether the release before is built on, and not everything computed anew; an empty text if not. #}
{% macro builds_on_release() -%}
    {{- 'yes' if run_value('base') is mapping -}}
{%- endmacro %}

{# The as-of date of the release before, whose days have no gaps up to it; if it had none, a day before all days. #}
{% macro previous_as_of() -%}
    (
        select coalesce(max(counted.event_date), date '0001-01-01')
        from {{ source('previous', 'daily_sales_summary') }} as counted
    )
{%- endmacro %}

{# Condition: the release before does not hold the day's events as they are. Without a release, every day. #}
{% macro is_new_or_changed(day) -%}
    {%- if builds_on_release() -%}
    (
        {{ day }} > {{ previous_as_of() }}
        {%- for date in run_value('base')['dates'] %}
        or {{ day }} = date '{{ date }}'
        {%- endfor %}
    )
    {%- else -%}
    true
    {%- endif -%}
{%- endmacro %}
