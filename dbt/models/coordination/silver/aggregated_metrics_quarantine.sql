-- depends_on: {{ ref('aggregated_metrics') }}
select
    master,
    timestamp_json as "timestamp",
    metric_name,
    value,
    source_file,
    source_row,
    ingested_at,
    quarantine_reasons,
    '{{ run_value('run_id') }}' as run_id
from {{ first_values(ref('metric_values')) }}
where len(quarantine_reasons) > 0
