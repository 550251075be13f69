{#
    The surviving rows: of the valid rows of one key the latest ingestion wins, then the greatest event id, then
    the greatest columns one by one, NULL lowest. Only keys that occur more than once are sorted; where no key
    does, which is the usual case, the rows pass straight through.

    On top of a release only the partitions that changes.sql has found are computed.
#}
{% macro deduplicated(name) %}
{%- set table = (run_value('tables') or {}).get(name, {'columns': [], 'key': ['_row']}) -%}
{%- set key = table['key'] | join(', ') -%}
{%- set columns = surviving_columns(table) -%}
{%- if is_standing(name) -%}
-- depends_on: {{ ref(name ~ '_checked') }}
select {{ columns | join(', ') }}
from silver.{{ name }}_winners
where {{ partition_value(name) }} in (select value from silver.{{ name }}_touched)
union all
select {{ columns | join(', ') }}
from previous.{{ name }}
anti join silver.{{ name }}_winners using ({{ key }})
where {{ partition_value(name) }} in (select value from silver.{{ name }}_touched)
{%- else -%}
-- Not materialized: the rows are read from the checked table anew, which is cheaper than copying them.
with valid as not materialized (
    select * exclude (_reasons, _file, _row)
    from {{ ref(name ~ '_checked') }}
    where _reasons is null
),

repeated as (
    select {{ key }}
    from valid
    group by {{ key }}
    having count(*) > 1
),

ranked as (
    select
        valid.*,
        row_number() over (partition by {{ key }} order by {{ precedence(table) }}) as _precedence
    from valid
    semi join repeated using ({{ key }})
)

select {{ columns | join(', ') }}
from valid
anti join repeated using ({{ key }})
union all
select {{ columns | join(', ') }}
from ranked
where _precedence = 1
{%- endif %}
{% endmacro %}

{# The columns of a silver table, in their order. #}
{% macro surviving_columns(table) %}
    {%- set columns = table['columns'] | map(attribute='name') | list -%}
    {%- if table['business_date'] %}{% do columns.append(table['business_date']['name']) %}{% endif -%}
    {%- do columns.append('ingestion_dt') -%}
    {{ return(columns) }}
{% endmacro %}

{# The order in which the copies of a key are preferred. #}
{% macro precedence(table) -%}
    ingestion_ts desc nulls last, event_id desc nulls last
    {%- for column in surviving_columns(table) %}, {{ column }} desc nulls last{% endfor %}
{%- endmacro %}
