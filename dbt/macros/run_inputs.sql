{#
    What a run hands to dbt, as the variable `run`:
      run_date, run_id     the logical day and the name of the run
      tables               the specification's tables by name (silver macros read them)
      inputs               {"<schema>.<table>": {"selects": [select, ...]}}: one query for each group of
                           files with one physical schema; no folder is ever listed here
      outputs              {"<schema>.<table>": folder}
      carried              {"<schema>.<table>": [file, ...]}: files of earlier runs that stay part of the table
      only_rows            {"<schema>.<table>": condition}: the rows of the model that this run writes
#}
{% macro run_value(name) -%}
    {{ return(var('run', {}).get(name)) }}
{%- endmacro %}

{% macro run_date() -%}
    date '{{ run_value('run_date') or '1970-01-01' }}'
{%- endmacro %}

{# Views over the files that earlier layers handed over, so that models only name tables. #}
{% macro register_inputs() %}
    {% if execute and target.type == 'duckdb' %}
        {% set statements = [] %}
        {% for name, input in (run_value('inputs') or {}).items() %}
            {% do statements.append('create schema if not exists ' ~ name.split('.')[0]) %}
            {% do statements.append('create or replace view ' ~ name ~ ' as ' ~ (input['selects'] | join(' union all by name '))) %}
        {% endfor %}
        {% do run_statements(statements) %}
    {% endif %}
{% endmacro %}
