{#
    Every received row of a table, typed and judged once:
      1. typed      text trimmed and folded, values cast, nothing dropped
      2. judged     each rule of the specification evaluated once, NULL counting as broken
      3. linked     rows that broke no rule look for their parents among the parents' surviving rows
    `_reasons` lists the broken rules, else the missing parents, and is NULL for a valid row. A rejected row
    also keeps its place in bronze (`_file`, `_row`), where quarantine finds it as it was received.
#}
{% macro checked(name) %}
{%- set table = (run_value('tables') or {}).get(name, {'columns': [], 'rules': [], 'foreign_keys': []}) -%}
{%- set types = ((run_value('inputs') or {}).get('bronze.' ~ name) or {}).get('types', {}) -%}
{%- set rules = table['rules'] -%}
with received as (
    select * from {{ source('bronze', name) }}
),

trimmed as (
    select
        {%- for column in table['columns'] %}
        {{ trimmed_column(column, types.get(column['name'], column['type'])) }},
        {%- endfor %}
        _file,
        _row
    from received
),

typed as (
    select
        {%- for column in table['columns'] %}
        {{ typed_column(column, types.get(column['name'], column['type'])) }} as {{ column['name'] }},
        {%- endfor %}
        trimmed._file,
        trimmed._row
    from trimmed
),

judged as (
    select
        *
        {%- for rule in rules %},
        coalesce({{ rule_condition(rule) }}, false) as _keeps_{{ loop.index }}
        {%- endfor %}
    from typed
),

scored as (
    select
        * exclude (
            {%- for rule in rules %}_keeps_{{ loop.index }}, {% endfor %}_row
        ),
        _row,
        {%- if rules %}
        case
            when not ({% for rule in rules %}_keeps_{{ loop.index }}{{ ' and ' if not loop.last }}{% endfor %})
                then list_filter([
                    {%- for rule in rules %}
                    case when not _keeps_{{ loop.index }} then '{{ rule['name'] }}' end{{ ',' if not loop.last }}
                    {%- endfor %}
                ], lambda reason: reason is not null)
        end as _broken
        {%- else %}
        cast(null as varchar[]) as _broken
        {%- endif %}
    from judged
),

linked as (
    select
        scored.*,
        {%- for key in table['foreign_keys'] %}
        {{ is_orphan(key, loop.index) }} as _orphan_{{ loop.index }},
        {%- endfor %}
        {{ business_date(table) }} as _business_date
    from scored
    {%- for key in table['foreign_keys'] %}
    left join {{ ref(key['references']) }} as parent_{{ loop.index }}
        on {{ key_of_parent(key) }} = parent_{{ loop.index }}.{{ run_value('tables')[key['references']]['key'][0] }}
    {%- endfor %}
)

select
    {%- for column in table['columns'] %}
    {{ column['name'] }},
    {%- endfor %}
    {%- if table['business_date'] %}
    _business_date as {{ table['business_date']['name'] }},
    {%- endif %}
    cast(ingestion_ts as date) as ingestion_dt,
    {{ reasons(table) }} as _reasons,
    case when _reasons is not null then _file end as _file,
    case when _reasons is not null then _row end as _row
from linked
{% endmacro %}

{% macro is_orphan(key, number) -%}
    (
        scored._broken is null
        and scored.{{ key['column'] }} is not null
        {%- for prefix in key['exempt_prefixes'] %}
        and not starts_with(scored.{{ key['column'] }}, {{ sql_text(prefix) }})
        {%- endfor %}
        and parent_{{ number }}.{{ run_value('tables')[key['references']]['key'][0] }} is null
    )
{%- endmacro %}

{# What a row's foreign key is as the parent's silver has it: a key may be masked there. #}
{% macro key_of_parent(key) -%}
    {%- set value = 'scored.' ~ key['column'] -%}
    {{ 'masked(' ~ value ~ ')' if key['references'] in (run_value('masked_keys') or []) else value }}
{%- endmacro %}

{# The broken rules, else one reason for each missing parent, else NULL. #}
{% macro reasons(table) -%}
    {%- if table['foreign_keys'] -%}
    case
        when _broken is not null then _broken
        when {% for key in table['foreign_keys'] %}_orphan_{{ loop.index }}{{ ' or ' if not loop.last }}{% endfor %}
            then list_filter([
                {%- for key in table['foreign_keys'] %}
                case when _orphan_{{ loop.index }} then '{{ key['column'] }}_orphan' end{{ ',' if not loop.last }}
                {%- endfor %}
            ], lambda reason: reason is not null)
    end
    {%- else -%}
    _broken
    {%- endif -%}
{%- endmacro %}

{# The day of the table's own timestamp, else the business date of its parent row. #}
{% macro business_date(table) -%}
    {%- set date = table['business_date'] or {} -%}
    {%- set sources = [] -%}
    {%- if date.get('day_of') -%}
        {%- do sources.append('cast(scored.' ~ date['day_of'] ~ ' as date)') -%}
    {%- endif -%}
    {%- for key in table['foreign_keys'] if key['column'] == date.get('of_parent') -%}
        {%- set parent = run_value('tables')[key['references']] -%}
        {%- set parent_date = (parent['business_date'] or {'name': 'ingestion_dt'})['name'] -%}
        {%- do sources.append('parent_' ~ (table['foreign_keys'].index(key) + 1) ~ '.' ~ parent_date) -%}
    {%- endfor -%}
    {{ 'coalesce(' ~ sources | join(', ') ~ ')' if sources else 'cast(null as date)' }}
{%- endmacro %}
