-- Every value of every metric record that bronze has held; a record without any is one row.
with records as (
    select metric_record(json) as record
    from {{ source('bronze', 'raw_metrics_lines') }}
),

numbered as (
    select
        record.malformed as malformed,
        sha256(record.record) as record_id,
        record.master as master,
        record."timestamp" as timestamp_json,
        {{ json_moment('record."timestamp"', '(' ~ json_text('record."timestamp"') ~ ')') }} as "timestamp",
        record.source_file as source_file,
        record.source_row as source_row,
        try_cast(record.ingested_at as timestamp) as ingested_at,
        unnest(
            case when len(record.members) > 0 then range(1, len(record.members) + 1) else [0] end
        ) as value_number,
        record.members as members
    from records
)

select
    record_id,
    value_number,
    master,
    timestamp_json,
    "timestamp",
    case when value_number > 0 then members[value_number]['name'] end as metric_name,
    case when value_number > 0 then members[value_number]['value'] else malformed end as value,
    case when value_number > 0 then members[value_number]['number'] end as number,
    case
        when malformed is not null then ['malformed_json']
        when value_number = 0 then ['no_values']
        else list_filter([
            case when timestamp_json is null then 'missing_timestamp' end,
            case when timestamp_json is not null and "timestamp" is null then 'invalid_timestamp' end,
            case when members[value_number]['number'] is null then 'non_numeric_value' end
        ], lambda reason: reason is not null)
    end as quarantine_reasons,
    source_file,
    source_row,
    ingested_at
from numbered
