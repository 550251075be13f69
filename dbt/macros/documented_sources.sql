{#
    By hand there are no inputs, but a unit test asks the source's relation for its types: empty views
    with the documented columns stand in, and with the specified ones for bronze and base silver; so they do for
    staging views, and for models of gold, of which other models of gold may be made. In a run, whose inputs are all named, this does nothing.
#}
{% macro register_documented_sources() %}
    {% if execute and target.type == 'duckdb' and not run_value('inputs') %}
        {% set gold = graph.nodes.values() | selectattr('resource_type', 'equalto', 'model') | selectattr('schema', 'equalto', 'gold') %}
        {% set views = graph.nodes.values() | selectattr('config.materialized', 'equalto', 'view') | selectattr('schema', 'equalto', 'silver') %}
        {% set statements = [] %}
        {% for table in (graph.sources.values() | list) + (gold | list) + (views | list) if table.columns %}
            {% do statements.append('create schema if not exists ' ~ table.schema) %}
            {% set columns = [] %}
            {% for column in table.columns.values() %}
                {% do columns.append('cast(null as ' ~ column.data_type ~ ') as ' ~ column.name) %}
            {% endfor %}
            {% set name = table.schema ~ '.' ~ (table.identifier or table.alias) %}
            {% do statements.append('create or replace view ' ~ name ~ ' as select ' ~ (columns | join(', ')) ~ ' where false') %}
        {% endfor %}
        {% do run_statements(statements + specified_tables()) %}
    {% endif %}
{% endmacro %}
