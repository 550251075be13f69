{#
    Runs SQL statements whose results nobody reads, in one call: dbt takes longer to ask for one, and to make a
    table of the answer as `run_query` does, than DuckDB to create a view.
#}
{% macro run_statements(statements) %}
    {% if execute and statements %}
        {% call statement(auto_begin=False) %}{{ statements | join(';\n') }}{% endcall %}
    {% endif %}
{% endmacro %}
