-- Lines are read again where a rejected one is among them: the others need not be kept whole.
with judged as (
    {{ judged_tasks(
        '(' ~ lines_with_rejects('processed_tasks', source('bronze', 'raw_tasks_lines'), ref('task_records')) ~ ')',
        more=['line'],
    ) }}
)

select
    received_json(line) as raw,
    source_file,
    source_row,
    ingested_at,
    quarantine_reasons,
    '{{ run_value('run_id') }}' as run_id
from judged
where len(quarantine_reasons) > 0
