{#
    The surviving rows: of the valid rows of one key the latest ingestion wins, then the greatest event id, then
    the greatest columns one by one, NULL lowest. Only keys that occur more than once are sorted; where no key
    does, which is the usual case, the rows pass straight through.
#}
{% macro deduplicated(name) %}
{%- set table = (run_value('tables') or {}).get(name, {'columns': [], 'key': ['_row']}) -%}
{%- set key = table['key'] | join(', ') -%}
{%- set columns = table['columns'] | map(attribute='name') | list -%}
{%- if table['business_date'] %}{% do columns.append(table['business_date']['name']) %}{% endif -%}
{%- do columns.append('ingestion_dt') -%}
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
        row_number() over (
            partition by {{ key }}
            order by
                ingestion_ts desc nulls last,
                event_id desc nulls last
                {%- for column in columns %},
                {{ column }} desc nulls last
                {%- endfor %}
        ) as _precedence
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
{% endmacro %}
