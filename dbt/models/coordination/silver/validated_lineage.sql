{{ config(post_hook=[{'sql': '{{ count_validated_lineage() }}', 'transaction': false}]) }}
with ranked as (
    select
        *,
        row_number() over (
            partition by event_type, payload
            order by ingested_at, source_file, source_row
        ) as precedence
    from {{ ref('lineage_records') }}
    where len(quarantine_reasons) = 0
)

select
    task_id,
    event_type,
    "timestamp",
    payload,
    source_file,
    source_row,
    'silver' as layer
from ranked
where precedence = 1
order by "timestamp", payload
