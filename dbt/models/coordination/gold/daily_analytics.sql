with tasks as (
    {{ tasks_by_day(per=['date']) }}
),

calendar as (
    {{ each_date('coalesce((select min(tasks.date) from tasks), ' ~ run_date() ~ ')', run_date()) }}
)

select
    calendar.date,
    {{ measures() }}
from calendar
left join tasks on calendar.date = tasks.date
group by calendar.date
order by calendar.date
