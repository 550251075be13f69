with known as (
    select * from {{ ref('processed_tasks') }}
    where "timestamp" < {{ run_date() }} + interval 1 day
),

latest as (
    select
        task_id,
        max("timestamp") as "timestamp"
    from known
    group by task_id
)

select * from known
semi join latest using (task_id, "timestamp")
order by "timestamp", task_id
