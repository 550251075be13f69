{{ config(post_hook=[{'sql': '{{ count_aggregated_metrics() }}', 'transaction': false}]) }}
select
    master,
    cast("timestamp" as date) as date,
    metric_name,
    count(*) as count,
    fsum(number) as sum,
    fsum(number) / count(*) as avg,
    min(number) as min,
    max(number) as max,
    min("timestamp") as first_timestamp,
    max("timestamp") as last_timestamp
from {{ first_values(ref('metric_values')) }}
where len(quarantine_reasons) = 0
group by all
order by all
