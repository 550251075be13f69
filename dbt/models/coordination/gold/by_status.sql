with tasks as (
    {{ tasks_by_day() }}
)

select
    date,
    status,
    count(*) as total_tasks
from tasks
group by date, status
order by date, status
