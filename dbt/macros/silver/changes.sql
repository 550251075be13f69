{#
    What new bronze changes in a silver table that a release holds already. Hook of a silver model, before its rows
    are written; it does nothing in a run that computes the whole table. The checked rows are then only the new
    ones and those that were in quarantine; the view `previous.<table>` is the table as released.
      silver.<table>_winners   the rows that now stand for each key that new valid rows have, and the rows whose
                               business date moved with their parent's
      silver.<table>_touched   the partitions that differ: only these are written, the others' files stay
    This is sound because no valid row ever becomes invalid: rules see one row, days only become past, and parents
    never vanish.
#}
{% macro find_changes(name) %}
{%- if execute and is_standing(name) -%}
    {%- set table = run_value('tables')[name] -%}
    {%- set key = table['key'] | join(', ') -%}
    {%- set columns = surviving_columns(table) | join(', ') -%}
    {%- set date = business_date_column(table) -%}
    {% call statement() %}
create or replace table silver.{{ name }}_winners as
with fresh as (
    select {{ columns }} from {{ ref(name ~ '_checked') }} where _reasons is null
),

standing as (
    {{ standing_rows(name) }}
),

candidates as (
    select {{ columns }} from fresh
    union all
    select {{ columns }} from standing semi join fresh using ({{ key }})
),

ranked as (
    select *, row_number() over (partition by {{ key }} order by {{ precedence(table) }}) as _precedence
    from candidates
)

select {{ columns }} from ranked where _precedence = 1
{%- if date_parent(table) %}
union all
select {{ columns }} from standing anti join fresh using ({{ key }}) where _is_moved
{%- endif %}
    {% endcall %}
    {% call statement() %}
create or replace table silver.{{ name }}_touched as
with before as (
    select {{ columns }} from previous.{{ name }} semi join silver.{{ name }}_winners using ({{ key }})
),

after as (
    select {{ columns }} from silver.{{ name }}_winners
)

select distinct {{ partition_value(name) }} as value
from (
    (select * from after except select * from before)
    union all
    (select * from before except select * from after)
)
    {% endcall %}
    {% call statement() %}
create or replace table silver.{{ name }}_moved as
select winners.{{ table['key'][0] }} as key, winners.{{ date }} as moved_to
from silver.{{ name }}_winners as winners
inner join previous.{{ name }} as previous using ({{ key }})
where winners.{{ date }} is distinct from previous.{{ date }}
    {% endcall %}
    {% call statement() %}
insert into audit.touched select '{{ name }}', value, true from silver.{{ name }}_touched
    {% endcall %}
{%- endif -%}
{% endmacro %}

{# Whether a release holds the table, so that only what changes is computed. #}
{% macro is_standing(name) %}
    {{ return(name in (run_value('standing') or {})) }}
{% endmacro %}

{# The released rows, each with the business date that its parent gives it now. #}
{% macro standing_rows(name) -%}
    {%- set table = run_value('tables')[name] -%}
    {%- set key = date_parent(table) -%}
    {%- if not key -%}
    select * from previous.{{ name }}
    {%- else -%}
    {%- set date = table['business_date'] -%}
    {%- set own = 'cast(previous.' ~ date['day_of'] ~ ' as date)' if date['day_of'] else 'cast(null as date)' -%}
    select
        previous.* replace (
            coalesce(
                {{ own }}, case when moved.key is not null then moved.moved_to else previous.{{ date['name'] }} end
            ) as {{ date['name'] }}
        ),
        {{ own }} is null and moved.key is not null as _is_moved
    from previous.{{ name }} as previous
    left join ({{ moved_parents(key['references']) }}) as moved on previous.{{ key['column'] }} = moved.key
    {%- endif -%}
{%- endmacro %}

{# Keys of parents whose business date differs from the release's: found in this build or in one before it. #}
{% macro moved_parents(name) -%}
    {%- set table = run_value('tables')[name] -%}
    {%- set date = business_date_column(table) -%}
    {%- if name in (run_value('building') or []) -%}
    select key, moved_to from silver.{{ name }}_moved
    {%- elif is_standing(name) -%}
    select now.{{ table['key'][0] }} as key, now.{{ date }} as moved_to
    from silver.{{ name }} as now
    inner join previous.{{ name }} as before using ({{ table['key'][0] }})
    where now.{{ date }} is distinct from before.{{ date }}
    {%- else -%}
    select null as key, cast(null as date) as moved_to where false
    {%- endif -%}
{%- endmacro %}

{# The foreign key through which rows get their business date, if they get it from a parent. #}
{% macro date_parent(table) %}
    {% set of_parent = (table['business_date'] or {}).get('of_parent') %}
    {% for key in table['foreign_keys'] if of_parent and key['column'] == of_parent %}
        {{ return(key) }}
    {% endfor %}
    {{ return(none) }}
{% endmacro %}

{% macro business_date_column(table) %}
    {{ return((table['business_date'] or {'name': 'ingestion_dt'})['name']) }}
{% endmacro %}

{# The partition that a row lies in, as text; all rows of an uncut table lie in one. #}
{% macro partition_value(name) -%}
    {{ partition_expression('silver.' ~ name) or "''" }}
{%- endmacro %}

{# Files of the release that stay: those of the partitions that are not written anew. #}
{% macro standing_files(name) %}
    {% set kept = [] %}
    {% set partitions = (run_value('standing') or {}).get(name) %}
    {% if execute and partitions %}
        {% set rewritten = run_query(
            "select value from audit.touched where is_rewritten and table_name = '" ~ name ~ "'"
        ) %}
        {% set rewritten = rewritten.columns[0].values() | list %}
        {% for value, files in partitions.items() if value not in rewritten %}
            {% do kept.extend(files) %}
        {% endfor %}
    {% endif %}
    {{ return(kept) }}
{% endmacro %}
