-- depends_on: {{ ref('validated_lineage') }}
select
    payload as raw,
    source_file,
    source_row,
    ingested_at,
    quarantine_reasons,
    '{{ run_value('run_id') }}' as run_id
from {{ ref('lineage_records') }}
where len(quarantine_reasons) > 0
