{{ config(post_hook=[{'sql': '{{ count_processed_tasks() }}', 'transaction': false}]) }}
-- A state that several records tell is compared with its rivals; most are told once.
with valid as (
    select * from {{ ref('task_records') }}
    where len(quarantine_reasons) = 0
),

told_again as (
    select task_id, "timestamp"
    from valid
    group by task_id, "timestamp"
    having count(*) > 1
),

ranked as (
    select
        valid.*,
        row_number() over (
            partition by task_id, "timestamp"
            order by
                ingested_at desc nulls last,
                created_at desc nulls last,
                {{ task_columns(' desc nulls last') }}
        ) as precedence
    from valid
    semi join told_again using (task_id, "timestamp")
),

winners as (
    select * from valid
    anti join told_again using (task_id, "timestamp")
    union all
    select * exclude (precedence) from ranked
    where precedence = 1
)

select
    {{ task_columns() }},
    cast({{ run_date() }} as timestamp) as processed_at,
    'silver' as layer
from winners
order by "timestamp", task_id
