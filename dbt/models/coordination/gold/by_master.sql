with tasks as (
    {{ tasks_by_day(per=['date', 'master']) }}
)

select
    date,
    master,
    {{ measures() }}
from tasks
group by date, master
order by date, master
