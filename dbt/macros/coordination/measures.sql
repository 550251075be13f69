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
    quantile_cont({{ completed_duration() }}, 0.5) as p50_duration,
    quantile_cont({{ completed_duration() }}, 0.95) as p95_duration,
    quantile_cont({{ completed_duration() }}, 0.99) as p99_duration,
    {{ count_where("performance_bucket = 'fast'") }} as fast_tasks,
    {{ count_where("performance_bucket = 'normal'") }} as normal_tasks,
    {{ count_where("performance_bucket = 'slow'") }} as slow_tasks
{%- endmacro %}

{% macro completed_duration() -%}
    case when status = 'completed' then duration_seconds end
{%- endmacro %}

{# Every task once, in the state and on the day that it has now. #}
{% macro tasks_by_day() -%}
    select
        cast("timestamp" as date) as date,
        task_id,
        status,
        coalesce(type, 'unknown') as type,
        coalesce(master, 'unknown') as master,
        priority,
        "timestamp",
        duration_seconds,
        performance_bucket
    from {{ source('silver', 'current_tasks') }}
{%- endmacro %}
