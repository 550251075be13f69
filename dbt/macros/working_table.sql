{#
    Materialization for DuckDB: a table that later models of one build read, in an engine that is new with every
    build. There is none before it to keep readers of, so it is made in place and in one statement.
#}
{% materialization working_table, adapter='duckdb' %}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {% call statement('main') %}
        create or replace table {{ this }} as ({{ sql }})
    {% endcall %}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [this.incorporate(type='table')]}) }}
{% endmaterialization %}
