-- Every event that bronze has held, typed, with the rules that it breaks.
with records as (
    select event_record(json) as record
    from {{ source('bronze', 'events_lines') }}
),

typed as (
    select
        record.malformed as malformed,
        record.task_id as task_id,
        record.event_type as event_type,
        {{ json_moment('record."timestamp"', '(' ~ json_text('record."timestamp"') ~ ')') }} as "timestamp",
        coalesce(record.record, record.malformed) as payload,
        record."timestamp" as timestamp_json,
        record.source_file as source_file,
        record.source_row as source_row,
        try_cast(record.ingested_at as timestamp) as ingested_at
    from records
)

select
    task_id,
    event_type,
    "timestamp",
    payload,
    source_file,
    source_row,
    ingested_at,
    case
        when malformed is not null then ['malformed_json']
        else list_filter([
            case when task_id is null then 'missing_task_id' end,
            case when event_type is null then 'missing_event_type' end,
            case when timestamp_json is null then 'missing_timestamp' end,
            case when timestamp_json is not null and "timestamp" is null then 'invalid_timestamp' end
        ], lambda reason: reason is not null)
    end as quarantine_reasons
from typed
