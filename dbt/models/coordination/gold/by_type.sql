with tasks as (
    {{ tasks_by_day(per=['date', 'type']) }}
)

select
    date,
    type,
    {{ measures() }}
from tasks
group by date, type
order by date, type
