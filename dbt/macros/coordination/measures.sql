{#
    What is measured of any set of tasks, in the order of the contract. Durations are those of completed tasks: one that
    failed at once was not fast. `task_id` is NULL where a day has no task.
#}
{% macro measures() -%}
    count(task_id) as total_tasks,
    {{ count_where("status = 'completed'") }} as completed_tasks,
    {{ count_where("status = 'failed'") }} as failed_tasks,
    {{ count_where("status = 'cancelled'") }} as cancelled_tasks,
    {{ ratio('100 * ' ~ count_where("status = 'completed'"), 'count(task_id)') }} as completion_rate,
    {{ ratio(
        '100 * ' ~ count_where("status = 'completed'"), count_where("status in ('completed', 'failed')")
    ) }} as success_rate,
    avg({{ completed_duration() }}) as avg_duration_seconds,
    {%- for percent in [50, 95, 99] %}
    {{ percentile_of_group(percent) }} as p{{ percent }}_duration,
    {%- endfor %}
    {{ count_where("performance_bucket = 'fast'") }} as fast_tasks,
    {{ count_where("performance_bucket = 'normal'") }} as normal_tasks,
    {{ count_where("performance_bucket = 'slow'") }} as slow_tasks
{%- endmacro %}

{% macro completed_duration() -%}
    case when status = 'completed' then duration_seconds end
{%- endmacro %}

{# Every task once, in the state and on the day that it has now. `per`: the columns by which a model with `measures` groups them. #}
{% macro tasks_by_day(per=none) -%}
    select
        task_days.*
        {%- if target.type == 'bigquery' and per is not none %}
        {%- for percent in [50, 95, 99] %},
        percentile_cont({{ completed_duration() }}, {{ percent / 100 }}) over (
            {{- 'partition by ' ~ per | join(', ') if per }}) as p{{ percent }}_of_group
        {%- endfor %}
        {%- endif %}
    from (
        select
            cast(current_tasks.timestamp as date) as date,
            current_tasks.task_id,
            current_tasks.status,
            coalesce(current_tasks.type, 'unknown') as type,
            coalesce(current_tasks.master, 'unknown') as master,
            current_tasks.priority,
            current_tasks.timestamp as changed_at,
            current_tasks.duration_seconds,
            current_tasks.performance_bucket
        from {{ source('silver', 'current_tasks') }} as current_tasks
    ) as task_days
{%- endmacro %}

{#
    An interpolated percentile of completed tasks' durations. BigQuery has exact ones as window functions only: there
    `tasks_by_day` gives each row that of its group.
#}
{% macro percentile_of_group(percent) -%}
    {%- if target.type == 'bigquery' -%}
        max(p{{ percent }}_of_group)
    {%- else -%}
        quantile_cont({{ completed_duration() }}, {{ percent / 100 }})
    {%- endif -%}
{%- endmacro %}

{# The tasks of a group as a list of structs, by time and id. #}
{% macro listed_tasks() -%}
    {%- if target.type == 'bigquery' -%}
    array_agg(
        struct(task_id, status, type, priority, changed_at as timestamp, duration_seconds)
        order by changed_at, task_id
    )
    {%- else -%}
    list(
        {
            'task_id': task_id,
            'status': status,
            'type': type,
            'priority': priority,
            'timestamp': changed_at,
            'duration_seconds': duration_seconds
        }
        order by changed_at, task_id
    )
    {%- endif -%}
{%- endmacro %}

{# Query for each day from `first` to `last`, as date. #}
{% macro each_date(first, last) -%}
    {%- if target.type == 'bigquery' -%}
    select date
    from unnest(generate_date_array({{ first }}, {{ last }})) as date
    {%- else -%}
    select cast(unnest(generate_series({{ first }}, {{ last }}, interval 1 day)) as date) as date
    {%- endif -%}
{%- endmacro %}
