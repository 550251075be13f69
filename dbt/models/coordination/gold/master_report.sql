with tasks as (
    {{ tasks_by_day(per=['master', 'date']) }}
)

select
    master,
    date,
    {{ measures() }},
    {{ listed_tasks() }} as tasks  -- noqa: RF04
from tasks
group by master, date
order by master, date
