{#
    Tables whose rows a pydantic model has judged before dbt sees them (a specification with `row_model`), and of
    which silver is a view over bronze. The source `rejected` holds what the model rejected: `_file`, `_row`,
    `reasons` and `message`; `corrected`, where rejected rows lie in whose place a correction has landed. Macros name
    a table as bronze does.
      <table>_checked      every received row that counts, typed, with what it is rejected for
      <table>_excluded     where in bronze the rows lie that silver leaves out: rejected, superseded, corrected
      <table>_quarantine   the rejected rows as received
#}

{# The specification of the table that bronze calls `raw`; an empty one where dbt is called by hand. #}
{% macro staged_table(raw) %}
    {% for table in (run_value('tables') or {}).values() if table['bronze'] == raw %}
        {{ return(table) }}
    {% endfor %}
    {{ return({'name': raw, 'columns': [], 'key': ['_row'], 'foreign_keys': [], 'latest_by': none}) }}
{% endmacro %}

{# Every received row of `raw` with typed columns, and its place in bronze. #}
{% macro typed_rows(raw, columns) -%}
select
    {%- for column in columns %}
    {{ typed_column(column, 'string') }} as {{ column['name'] }},
    {%- endfor %}
    trimmed._file,
    trimmed._row
from (
    select
        {%- for column in columns %}
        {{ trimmed_column(column, 'string') }},
        {%- endfor %}
        received._file,
        received._row
    from {{ source('bronze', raw) }} as received
) as trimmed
{%- endmacro %}

{# The columns that the specification names, without those that landing adds. #}
{% macro received_columns(table) %}
    {{ return(table['columns'] | rejectattr('name', 'in', ['batch_id', 'ingestion_ts', 'event_id', 'source_file']) | list) }}
{% endmacro %}

{# The typed rows that silver shows: a view has this for its body. #}
{% macro surviving_rows(raw) -%}
select typed.* exclude (_file, _row)
from ({{ typed_rows(raw, received_columns(staged_table(raw))) }}) as typed
anti join {{ ref(raw ~ '_excluded') }} as excluded using (_file, _row)
{%- endmacro %}

{# All received rows, typed, with `_reasons`: the rules that the model found broken, else the missing parents. #}
{% macro checked_rows(raw) -%}
{%- set table = staged_table(raw) -%}
{%- set columns = received_columns(table) -%}
{%- set keys = table['foreign_keys'] -%}
with typed as (
    {{ typed_rows(raw, columns + [{'name': 'ingestion_ts', 'type': 'string', 'becomes': 'timestamp', 'lower': false}]) }}
)

select
    {%- for column in columns %}
    typed.{{ column['name'] }},
    {%- endfor %}
    typed.ingestion_ts,
    {%- if keys %}
    case
        when rejected.reasons is not null then rejected.reasons
        when {% for key in keys %}{{ is_missing(key, loop.index) }}{{ ' or ' if not loop.last }}{% endfor %}
            then list_filter([
                {%- for key in keys %}
                case when {{ is_missing(key, loop.index) }} then '{{ key['column'] }}_orphan' end{{ ',' if not loop.last }}
                {%- endfor %}
            ], lambda reason: reason is not null)
    end as _reasons,
    {%- else %}
    rejected.reasons as _reasons,
    {%- endif %}
    rejected.message as _message,
    typed._file,
    typed._row
from typed
anti join {{ source('corrected', raw) }} as corrected on typed._file = corrected._file and typed._row = corrected._row
left join {{ source('rejected', raw) }} as rejected on typed._file = rejected._file and typed._row = rejected._row
{%- for key in keys %}
left join {{ ref(key['references']) }} as parent_{{ loop.index }}
    on typed.{{ key['column'] }} = parent_{{ loop.index }}.{{ parent_key(key) }}
{%- endfor %}
{%- endmacro %}

{% macro parent_key(key) -%}
    {{ run_value('tables')[key['references']]['key'][0] }}
{%- endmacro %}

{% macro is_missing(key, number) -%}
    (
        typed.{{ key['column'] }} is not null
        {%- for prefix in key['exempt_prefixes'] %}
        and not starts_with(typed.{{ key['column'] }}, {{ sql_text(prefix) }})
        {%- endfor %}
        and parent_{{ number }}.{{ parent_key(key) }} is null
    )
{%- endmacro %}

{# Where the rejected rows, the superseded copies and the corrected rows lie. #}
{% macro excluded_rows(raw) -%}
{%- set table = staged_table(raw) -%}
select
    _file,
    _row
from {{ ref(raw ~ '_checked') }}
where _reasons is not null
union all
select
    _file,
    _row
from {{ source('corrected', raw) }}
union all
select
    _file,
    _row
from (
    select
        _file,
        _row,
        row_number() over (
            partition by {{ table['key'] | join(', ') }}
            order by
                ingestion_ts desc nulls last
                {%- if table['latest_by'] %}, {{ table['latest_by'] }} desc nulls last{% endif %}
                {%- for column in received_columns(table) %}, {{ column['name'] }} desc nulls last{% endfor %},
                _file, _row
        ) as _precedence
    from {{ ref(raw ~ '_checked') }}
    where _reasons is null
) as ranked
where _precedence > 1
{%- endmacro %}

{# The rejected rows as they were received, with every reason, the run, and what the model said. #}
{% macro rejected_as_received(raw) -%}
select
    received.* exclude (_file, _row),
    checked._reasons as quarantine_reasons,
    '{{ run_value('run_id') }}' as run_id,
    checked._message as model_message
from {{ source('bronze', raw) }} as received
inner join {{ ref(raw ~ '_checked') }} as checked
    on received._file = checked._file and received._row = checked._row
where checked._reasons is not null
{%- endmacro %}

{% macro record_staged_counts(raw) %}
{%- set table = staged_table(raw) -%}
insert into audit.row_counts (table_name, bronze, quarantined, orphans, valid, distinct_keys, rivals)
select
    '{{ table['name'] }}',
    count(*),
    count(*) filter (_reasons is not null),
    count(*) filter (_reasons[1] like '%\_orphan' escape '\'),
    count(*) filter (_reasons is null),
    (
        select count(*) from (
            select distinct {{ table['key'] | join(', ') }} from {{ ref(raw ~ '_checked') }} where _reasons is null
        )
    ),
    0
from {{ ref(raw ~ '_checked') }}
{% endmacro %}
