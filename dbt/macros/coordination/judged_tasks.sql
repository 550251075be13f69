{#
    Task records as silver reads them, each with the rules that it breaks: a function of one record, whichever run
    reads it. `records` is a relation with the fields of a record as JSON; of its other columns `more` are kept.
#}
{% macro judged_tasks(records, more=[]) %}
{%- set times = ['created_at', 'assigned_at', 'started_at', 'updated_at', 'completed_at', 'cancelled_at'] -%}
{%- set texts = ['task_id', 'id', 'status', 'type', 'task_type', 'priority', 'title', 'assigned_to', 'master'] -%}
with usual as (
    select
        *,
        {{ json_member('payload', 'title') }} as payload_title,
        {%- for name in times %}
        {{ usual_moment(name) }} as {{ name }}_usual,
        {%- endfor %}
        {{ usual_moment('"timestamp"') }} as timestamp_usual
    from {{ records }}
),

strings as (
    select
        *,
        {%- for name in texts %}
        case when {{ is_string('"' ~ name ~ '"') }} then "{{ name }}" ->> '$' end as {{ name }}_string{{ ',' if not loop.last }}
        {%- endfor %}
    from usual
),

-- Of a time in the usual spelling nothing more is asked.
texts as (
    select
        * exclude ({% for name in texts %}{{ name }}_string{{ ', ' if not loop.last }}{% endfor %}),
        {%- for name in texts %}
        {{ json_text('"' ~ name ~ '"', name ~ '_string') }} as {{ name }}_text,
        {%- endfor %}
        {{ json_text('payload_title') }} as payload_title_text,
        {%- for name in times + ['timestamp'] %}
        case when {{ name }}_usual is null then {{ json_text('"' ~ name ~ '"') }} end as {{ name }}_text,
        {%- endfor %}
        {{ error_of('error') }} as own_error,
        {{ error_of('error_message') }} as error_message_text
    from strings
),

-- One that is not present is looked for in metadata.
chosen as (
    select
        * exclude ({{ times | join(', ') }}),
        {%- for name in times %}
        case
            when {{ name }}_usual is not null then null
            when {{ is_present(name, name ~ '_text') }} then cast({{ name }} as varchar)
            else {{ json_member('metadata', name) }}
        end as {{ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from texts
),

chosen_texts as (
    select
        *,
        {%- for name in times %}
        {{ json_text(name) }} as {{ name }}_chosen{{ ',' if not loop.last }}
        {%- endfor %}
    from chosen
),

moments as (
    select
        *,
        {%- for name in times %}
        coalesce({{ name }}_usual, {{ json_moment(name, name ~ '_chosen') }}) as {{ name }}_moment,
        {%- endfor %}
        coalesce(timestamp_usual, {{ json_moment('"timestamp"', 'timestamp_text') }}) as timestamp_moment,
        timestamp_usual is not null or {{ is_present('"timestamp"', 'timestamp_text') }}
        {%- for name in times %}
        or {{ name }}_usual is not null or {{ is_present(name, name ~ '_chosen') }}
        {%- endfor %} as has_time
    from chosen_texts
),

typed as (
    select
        coalesce({{ scalar('task_id_text') }}, {{ scalar('id_text') }}) as task_id,
        greatest(timestamp_moment{% for name in times %}, {{ name }}_moment{% endfor %}) as "timestamp",
        case {{ scalar('status_text', true) }} when 'canceled' then 'cancelled' else {{ scalar('status_text', true) }} end as status,
        coalesce({{ scalar('type_text', true) }}, {{ scalar('task_type_text', true) }}) as type,
        {{ scalar('priority_text', true) }} as priority,
        coalesce({{ scalar('title_text') }}, {{ scalar('payload_title_text') }}) as title,
        coalesce({{ scalar('assigned_to_text', true) }}, {{ scalar('master_text', true) }}) as master,
        {%- for name in times %}
        {{ name }}_moment as {{ name }},
        {%- endfor %}
        coalesce(own_error, error_message_text) as error,
        source_file,
        source_row,
        ingested_at,
        has_time,
        _malformed,
        {%- for name in more %}
        {{ name }},
        {%- endfor %}
        _file
    from moments
),

judged as (
    select
        * exclude (has_time, _malformed),
        case
            when _malformed is not null then ['malformed_json']
            else list_filter([
                case when task_id is null then 'missing_task_id' end,
                case when status is null then 'missing_status' end,
                case when not coalesce(has_time, false) then 'missing_timestamp' end,
                case when coalesce(has_time, false) and "timestamp" is null then 'invalid_timestamp' end
            ], lambda reason: reason is not null)
        end as quarantine_reasons,
        case
            when status in ('completed', 'failed') and completed_at >= created_at
                then epoch_us(completed_at) - epoch_us(created_at)
        end as duration_us
    from typed
)

select
    task_id,
    "timestamp",
    status,
    type,
    priority,
    title,
    master,
    {%- for name in times %}
    {{ name }},
    {%- endfor %}
    cast(duration_us as double) / 1000000 as duration_seconds,
    coalesce(status = 'completed', false) as is_success,
    coalesce(status = 'failed', false) as is_failure,
    coalesce(status = 'cancelled', false) as is_cancelled,
    error is not null as has_error,
    case
        when status is distinct from 'completed' then null
        when duration_us < 30000000 then 'fast'
        when duration_us <= 60000000 then 'normal'
        when duration_us > 60000000 then 'slow'
    end as performance_bucket,
    error,
    source_file,
    source_row,
    ingested_at,
    quarantine_reasons,
    {%- for name in more %}
    {{ name }},
    {%- endfor %}
    _file
from judged
{% endmacro %}

{# What went wrong: a scalar other than false, or an object or array that is not empty. #}
{% macro error_of(value) -%}
    case
        when cast({{ value }} as varchar) in ('false', '{}', '[]') then null
        when {{ is_nested(value) }} then canonical_json(cast({{ value }} as varchar))
        else {{ scalar('(' ~ json_text(value) ~ ')') }}
    end
{%- endmacro %}

{# The columns of processed_tasks that precedence compares, in their order, each followed by `suffix`. #}
{% macro task_columns(suffix='') -%}
    {%- set columns = [
        'task_id', '"timestamp"', 'status', 'type', 'priority', 'title', 'master', 'created_at', 'assigned_at',
        'started_at', 'updated_at', 'completed_at', 'cancelled_at', 'duration_seconds', 'is_success', 'is_failure',
        'is_cancelled', 'has_error', 'performance_bucket', 'error', 'source_file', 'source_row',
    ] -%}
    {%- for column in columns -%}
    {{ column }}{{ suffix }}{{ ', ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}
