{#
    Materialization for DuckDB of a table that is too big to be sorted at once: its rows are read and compared a
    few days at a time, so that memory and spilled data stay small however many days there are. The SQL variables
    batch_from, batch_until and batch_days tell the days that are compared, write_from and write_until those whose
    rows the model's SQL selects: of big days one at a time.

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
    {%- for batch in day_batches(name) -%}
        {% do set_days('batch', batch['days']) %}
        {% do run_query("set variable batch_days = " ~ days_of(batch['days'])) %}
        {%- set found = find_superseded(name) -%}
        {% do find_rewritten_days(name, batch['days']) %}
        {%- set totals.new = totals.new + found['new'] -%}
        {%- set totals.standing = totals.standing + found['standing'] -%}
        {%- set totals.keys = totals.keys + found['keys'] -%}
        {%- if found['won'] and batch['has_big_days'] -%}
            {%- for day in batch['days'] -%}
                {% do set_days('write', [day]) %}
                {% do run_query("copy (" ~ sql ~ ") to '" ~ folder ~ "/" ~ day ~ "-0.parquet' (
                    format parquet, compression " ~ var('compression', 'snappy') ~ ", write_empty_file false
                )") %}
            {%- endfor -%}
        {%- elif found['won'] -%}
            {% do set_days('write', batch['days']) %}
            {% do run_query("copy (select *, " ~ partition_value(name) ~ " as _partition from (" ~ sql ~ ") as model)
                to '" ~ folder ~ "' (
                    format parquet, compression " ~ var('compression', 'snappy') ~ ",
                    partition_by (_partition), overwrite_or_ignore true
                )") %}
        {%- endif -%}
    {%- endfor -%}
    {%- set files = written_files(folder) + standing_files(name) -%}
    {%- if not files -%}
        {% do set_days('batch', []) %}
        {% do set_days('write', []) %}
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

{# Sets <name>_from and <name>_until to the moments where the first day begins and the last one ends. #}
{% macro set_days(name, days) %}
    {%- set first, last = (days[0], days[-1]) if days else ('1970-01-02', '1970-01-01') -%}
    {% do run_query("set variable " ~ name ~ "_from = timestamp '" ~ first ~ "'") %}
    {% do run_query("set variable " ~ name ~ "_until = timestamp '" ~ last ~ "' + interval 1 day") %}
{% endmacro %}

{#
    The days that have new rows, in batches of a million rows or one day: [{days: [day, ...], has_big_days}]. Rows
    come late, so that each batch reads files of neighbouring days, too: many small batches would read them often.
#}
{% macro day_batches(name) %}
    {%- set table = run_value('tables')[name] -%}
    {%- set days = run_query(
        "select strftime(day, '%Y-%m-%d'), count(*) from (
            select cast(" ~ table['business_date']['day_of'] ~ " as date) as day from bronze." ~ (table['bronze'] or name)
        ~ ") where day is not null group by day order by day"
    ) -%}
    {%- set released = (run_value('standing_rows') or {}).get(name, {}) -%}
    {%- set batches, state = [], namespace(rows=0) -%}
    {%- for day, fresh in days.rows -%}
        {%- set rows = fresh + released.get(day, 0) -%}
        {%- if batches and state.rows + rows <= 1000000 -%}
            {%- do batches[-1]['days'].append(day) -%}
            {%- set state.rows = state.rows + rows -%}
        {%- else -%}
            {%- do batches.append({'days': [day]}) -%}
            {%- set state.rows = rows -%}
        {%- endif -%}
        {%- do batches[-1].update({'has_big_days': state.rows > 100000 * batches[-1]['days'] | length}) -%}
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
