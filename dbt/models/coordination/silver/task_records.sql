-- Every task record that bronze has held, typed; of a rejected one only where it is and why.
{{ judged_tasks(source('bronze', 'raw_tasks_fields')) }}
