with tasks as (
    {{ tasks_by_day() }}
)

select
    master,
    date,
    {{ measures() }},
    list(
        {
            'task_id': task_id,
            'status': status,
            'type': type,
            'priority': priority,
            'timestamp': "timestamp",  -- noqa: RF06
            'duration_seconds': duration_seconds
        }
        order by "timestamp", task_id  -- noqa: RF06
    ) as tasks  -- noqa: RF04
from tasks
group by master, date
order by master, date
