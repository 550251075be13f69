with tasks as (
    {{ tasks_by_day() }}
),

calendar as (
    select cast(unnest(generate_series(
        coalesce((select min(date) from tasks), {{ run_date() }}), {{ run_date() }}, interval 1 day
    )) as date) as date  -- noqa: RF04
)

select
    calendar.date,
    {{ measures() }}
from calendar
left join tasks on calendar.date = tasks.date
group by calendar.date
order by calendar.date
