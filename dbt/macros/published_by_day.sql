{#
    Materialization for DuckDB of a table that is too big to be sorted at once: its rows are written a day, or a
    few small days, at a time, so that memory and spilled data stay small however many days there are. The
    model's SQL selects the rows of one batch by the SQL variables batch_from, batch_until and batch_days.

    On top of a release new valid rows become further files of their days, and all files of the release stay: what
    a run writes is what is new. A day is written anew, with its released rows, when a new copy displaces one of
    them, or when it has come to lie in many files.
#}
{% materialization published_by_day, adapter='duckdb' %}
    {%- set target_relation = this.incorporate(type='view') -%}
    {%- set name = this.identifier -%}
    {%- set given = (run_value('outputs') or {}).get(this.schema ~ '.' ~ name) -%}
    {%- if not given -%}
        {{ exceptions.raise_compiler_error('no output folder was given for ' ~ name) }}
    {%- endif -%}
    {%- set folder = given | replace("'", "''") -%}
    {%- set totals = namespace(new=0, standing=0, keys=0) -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {% do adapter.create_schema(this) %}
    {%- for batch in day_batches(name) -%}
        {% do run_query("set variable batch_from = timestamp '" ~ batch[0] ~ "'") %}
        {% do run_query("set variable batch_until = timestamp '" ~ batch[-1] ~ "' + interval 1 day") %}
        {% do run_query("set variable batch_days = " ~ days_of(batch)) %}
        {%- set found = find_superseded(name) -%}
        {% do find_rewritten_days(name, batch) %}
        {%- set totals.new = totals.new + found['new'] -%}
        {%- set totals.standing = totals.standing + found['standing'] -%}
        {%- set totals.keys = totals.keys + found['keys'] -%}
        {%- if found['won'] -%}
            {%- if batch | length == 1 -%}
                {% do run_query("copy (" ~ sql ~ ") to '" ~ folder ~ "/" ~ batch[0] ~ "-0.parquet'
                    (format parquet, compression " ~ var('compression', 'snappy') ~ ")") %}
            {%- else -%}
                {% do run_query("copy (select *, " ~ partition_value(name) ~ " as _partition from (" ~ sql ~ ") as model)
                    to '" ~ folder ~ "' (
                        format parquet, compression " ~ var('compression', 'snappy') ~ ",
                        partition_by (_partition), overwrite_or_ignore true
                    )") %}
            {%- endif -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set files = written_files(folder) + standing_files(name) -%}
    {%- if not files -%}
        {% do run_query("set variable batch_from = timestamp '1970-01-01'") %}
        {% do run_query("set variable batch_until = timestamp '1970-01-01'") %}
        {% do run_query("set variable batch_days = " ~ days_of([])) %}
        {% do find_superseded(name) %}
        {% do find_rewritten_days(name, []) %}
        {%- set files = [given ~ '/part-0.parquet'] -%}
        {% do run_query("copy (" ~ sql ~ ") to '" ~ folder ~ "/part-0.parquet' (format parquet)") %}
    {%- endif -%}
    {% call statement('main') %}
        create or replace view {{ target_relation }} as
        select * from read_parquet(
            [{% for file in files %}{{ sql_text(file) }}{{ ', ' if not loop.last }}{% endfor %}], hive_partitioning = false
        )
    {% endcall %}
    {% do record_batch_counts(name, totals) %}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{#
    Sets the SQL variable rewritten_days for a batch whose superseded rows are known, and records the days that get
    new rows in audit.touched.
#}
{% macro find_rewritten_days(name, batch) %}
    {%- set table = run_value('tables')[name] -%}
    {%- set prefix = 'silver.' ~ name -%}
    {%- set scattered = [] -%}
    {%- set standing = (run_value('standing') or {}).get(name, {}) -%}
    {%- for day in batch if standing.get(day, []) | length >= (run_value('most_files') or 1) -%}
        {%- do scattered.append(day) -%}
    {%- endfor -%}
    {% do run_query(
        "set variable rewritten_days = (
            select list_distinct(coalesce(list(day), []::date[]) || " ~ days_of(scattered) ~ ")
            from " ~ prefix ~ "_superseded where event_id is not null
        )"
    ) %}
    {%- if is_standing(name) -%}
        {% do run_query(
            "insert into audit.touched
            select '" ~ name ~ "', strftime(day, '%Y-%m-%d'), list_contains(getvariable('rewritten_days'), day)
            from (
                select distinct cast(" ~ table['business_date']['day_of'] ~ " as date) as day
                from " ~ prefix ~ "_batch
                anti join (select _file, _row from " ~ prefix ~ "_superseded where event_id is null) as superseded
                    using (_file, _row)
            )"
        ) %}
    {%- endif -%}
{% endmacro %}

{% macro days_of(texts) -%}
    [{% for text in texts %}'{{ text }}'{{ ', ' if not loop.last }}{% endfor %}]::date[]
{%- endmacro %}

{# The days that have new valid rows, in batches: big days alone, small ones together. #}
{% macro day_batches(name) %}
    {%- set moment = run_value('tables')[name]['business_date']['day_of'] -%}
    {%- set days = run_query(
        "select strftime(day, '%Y-%m-%d'), count(*) from (select cast(" ~ moment ~ " as date) as day from ("
        ~ landed_rows(name) ~ ") as landed where " ~ keeps_all_rules(name) ~ ") group by day order by day"
    ) -%}
    {%- set released = (run_value('standing_rows') or {}).get(name, {}) -%}
    {%- set batches, state = [], namespace(rows=0) -%}
    {%- for day, fresh in days.rows -%}
        {%- set rows = fresh + released.get(day, 0) -%}
        {%- if batches and state.rows + rows <= 250000 -%}
            {%- do batches[-1].append(day) -%}
            {%- set state.rows = state.rows + rows -%}
        {%- else -%}
            {%- do batches.append([day]) -%}
            {%- set state.rows = rows -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(batches) }}
{% endmacro %}

{% macro record_batch_counts(name, totals) %}
    {%- set bronze = 'bronze.' ~ (run_value('tables')[name]['bronze'] or name) -%}
    {% do run_query(
        "insert into audit.row_counts select '" ~ name ~ "', (select count(*) from " ~ bronze ~ "), (select count(*) from "
        ~ bronze ~ ") - " ~ totals.new ~ ", 0, " ~ totals.new ~ ", " ~ totals.keys ~ ", " ~ totals.standing
    ) %}
{% endmacro %}
