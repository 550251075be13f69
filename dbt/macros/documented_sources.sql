{#
    By hand there are no inputs, but a unit test asks the source's relation for its types: empty views
    with the documented columns stand in, and with the specified ones for bronze and base silver. In a run,
    whose inputs are all named, this does nothing.
#}
{% macro register_documented_sources() %}
    {% if execute and target.type == 'duckdb' and not run_value('inputs') %}
        {% for source in graph.sources.values() if source.columns %}
            {% do run_query('create schema if not exists ' ~ source.schema) %}
            {% set columns = [] %}
            {% for column in source.columns.values() %}
                {% do columns.append('cast(null as ' ~ column.data_type ~ ') as ' ~ column.name) %}
            {% endfor %}
            {% do run_query('create or replace view ' ~ source.schema ~ '.' ~ source.identifier ~ ' as select ' ~ (columns | join(', ')) ~ ' where false') %}
        {% endfor %}
        {% do register_specified_tables() %}
    {% endif %}
{% endmacro %}
