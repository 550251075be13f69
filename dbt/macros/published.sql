{#
    Materialization for DuckDB: the model's rows go straight into Parquet files of the run's own folder,
    and a view over these files stands in for the table in later models. Files of earlier runs that the
    release carries over (the run's `carried`, by "<schema>.<table>") are part of that view.

    config partition_by: an expression; rows with equal values share a file (the value is not stored
    as a column).
#}
{% materialization published, adapter='duckdb' %}
    {%- set target_relation = this.incorporate(type='view') -%}
    {%- set name = this.schema ~ '.' ~ table_of(model) -%}
    {%- set given = (run_value('outputs') or {}).get(name) -%}
    {%- if not given -%}
        {{ exceptions.raise_compiler_error('no output folder was given for ' ~ name) }}
    {%- endif -%}
    {%- set folder = given | replace("'", "''") -%}
    {%- set partition_by = partition_expression(name) -%}
    {%- set carried = (run_value('carried') or {}).get(name) or [] -%}
    {%- set only_rows = (run_value('only_rows') or {}).get(name) -%}
    {%- set contents = masked_rows(sql) if this.schema == 'gold' else hidden_rows(name, sql) -%}
    {%- set rows -%}
        ({{ contents }}) as model {%- if only_rows %} where {{ only_rows }} {%- endif %}
    {%- endset -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {%- if this.schema == 'silver' %}{% set carried = carried + standing_files(this.identifier) %}{% endif %}
    {% call statement('main') %}
        copy (
            select * {%- if partition_by %}, {{ partition_by }} as _partition {%- endif %}
            from {{ rows }}
        ) to '{{ folder }}{{ '' if partition_by else '/part-0.parquet' }}' (
            format parquet, compression {{ var('compression', 'snappy') }}
            {%- if partition_by %}, partition_by (_partition), overwrite_or_ignore true
            {%- elif carried %}, write_empty_file false{% endif %}
        )
    {% endcall %}
    {%- set is_known = not partition_by and not carried -%}
    {%- set files = [given ~ '/part-0.parquet'] if is_known else written_files(folder) + carried -%}
    {%- if not files -%}
        {# No row, no partition: an empty file still tells readers the columns, unless a carried one does. #}
        {%- set files = [given ~ '/part-0.parquet'] -%}
        {% call statement('empty') %}
            copy (select * from ({{ contents }}) as model where false) to '{{ folder }}/part-0.parquet' (format parquet)
        {% endcall %}
    {%- endif -%}
    {% call statement('view') %}
        create or replace view {{ target_relation }} as
        select * from read_parquet(
            [{% for file in files %}{{ sql_text(file) }}{{ ', ' if not loop.last }}{% endfor %}], hive_partitioning = false
        )
    {% endcall %}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{#
    The rows of a model of gold, with the columns that tell who a person is masked or emptied: the run's
    `gold_policies`, {column: mask or drop}. `masked` is a function of our own (tasks/dbt_functions.py).
#}
{% macro masked_rows(sql) %}
    {%- set policies = run_value('gold_policies') or {} -%}
    {%- set shown = [] -%}
    {%- if policies -%}
        {%- for name in run_query('describe ' ~ sql).columns[0].values() if name in policies -%}
            {%- set value = 'masked(cast(' ~ name ~ ' as varchar))' if policies[name] == 'mask' else 'cast(null as varchar)' -%}
            {%- do shown.append(value ~ ' as ' ~ name) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return('select * replace (' ~ shown | join(', ') ~ ') from (' ~ sql ~ ') as clear' if shown else sql) }}
{% endmacro %}

{#
    The rows of a model of silver as silver may show them: the run's `silver_sql`, {table: {column: SQL}}, comes of
    the specification (tasks/masking.py). Rules, duplicates and precedence were decided by the values themselves.
#}
{% macro hidden_rows(name, sql) %}
    {%- set schema, table = name.split('.') -%}
    {%- set shown = [] -%}
    {%- for column, value in (((run_value('silver_sql') or {}).get(table) or {}) if schema == 'silver' else {}).items() -%}
        {%- do shown.append(value ~ ' as ' ~ column) -%}
    {%- endfor -%}
    {{ return('select * replace (' ~ shown | join(', ') ~ ') from (' ~ sql ~ ') as clear' if shown else sql) }}
{% endmacro %}

{#
    The table that a model makes. dbt wants each name once in a project: where two pipelines have tables of one name,
    that of the model begins with the pipeline (`retail_product_performance`).
#}
{% macro table_of(model) %}
    {%- set prefix = model.fqn[1] ~ '_' -%}
    {{ return(model.alias[prefix | length:] if model.alias.startswith(prefix) else model.alias) }}
{% endmacro %}

{# How the rows of output `name` are cut into files, or nothing. #}
{% macro partition_expression(name) %}
    {{ return((run_value('partitions') or {}).get(name)) }}
{% endmacro %}

{# The files just written to a folder of this run: the folder is the run's own, nobody else writes there. #}
{% macro written_files(folder) %}
    {% set rows = run_query("select file from glob('" ~ folder ~ "/**/*.parquet') order by file") %}
    {{ return(rows.columns[0].values() | list) }}
{% endmacro %}
