with tasks as (
    {{ tasks_by_day() }}
)

select
    date,
    master,
    {{ measures() }}
from tasks
group by date, master
order by date, master
