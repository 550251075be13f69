-- Rows of one or a few days at a time: materialized by published_by_day.
with winners as (
    select *
    from silver.events_cleaned_batch
    anti join (select _file, _row from silver.events_cleaned_superseded where event_id is null) as superseded
        using (_file, _row)
    where event_time >= getvariable('write_from') and event_time < getvariable('write_until')
)

select
    sha256(concat_ws(
        '|',
        case
            when microsecond(event_time) % 1000000 = 0 then cast(event_time as varchar)
            else strftime(event_time, '%Y-%m-%d %H:%M:%S.%f')
        end,
        user_id,
        product_id,
        user_session,
        event_type
    )) as event_id,
    event_time,
    cast(event_time as date) as event_date,
    hour(event_time) as event_hour,
    dayofweek(event_time) + 1 as event_day_of_week,
    event_type,
    product_id,
    category_id,
    coalesce(category_code, 'unknown') as category_code,
    coalesce(nullif(split_part(category_code, '.', 1), ''), 'unknown') as category_l1,
    nullif(split_part(category_code, '.', 2), '') as category_l2,
    nullif(split_part(category_code, '.', 3), '') as category_l3,
    coalesce(brand, 'unknown') as brand,
    {{ to_money('price', 'float') }} as price,
    user_id,
    user_session,
    source_file,
    source_line,
    cast({{ run_date() }} as timestamp) as processed_timestamp
from winners
{%- if is_standing('events_cleaned') %}
union all
select released.* replace (cast({{ run_date() }} as timestamp) as processed_timestamp)
from ({{ rewritten_rows('events_cleaned') }}) as released
anti join (select event_id from silver.events_cleaned_superseded where event_id is not null) as superseded
    using (event_id)
{%- endif %}
