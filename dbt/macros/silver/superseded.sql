{#
    Which of several copies of a key go, within the days that are being written. The copies of a key meet in one
    day, as its timestamp is part of the key. Keys are compared by a hash first, over all rows; only the rows
    whose hash occurs more than once, which are few, are compared in full and sorted.
      silver.<table>_batch        the valid new rows of these days, with `key_hash`
      silver.<table>_superseded   a row a copy that goes: its place in bronze, or the `event_id` of a released row,
                                  and its day
    Returns {new: valid new rows, standing: released rows whose keys may be theirs, keys: distinct keys of both, won:
    new rows that stay}.
#}
{% macro find_superseded(name) %}
    {%- set table = run_value('tables')[name] -%}
    {%- set key = table['key'] | join(', ') -%}
    {%- set rest = table['columns'] | map(attribute='name') | reject('in', table['key']) | list -%}
    {%- set compared = ([key] + rest + table['first_by']) | join(', ') -%}
    {%- set prefix = 'silver.' ~ name -%}
    {% do run_query(
        'create or replace table ' ~ prefix ~ '_batch as
        select *, hash(' ~ key ~ ') as key_hash from (' ~ valid_rows_of_batch(name) ~ ') as fresh'
    ) %}
    {% do run_query(
        'create or replace table ' ~ prefix ~ '_groups as
        select key_hash, count(*) as copies, count(*) filter (is_released) as released from (
            select key_hash, false as is_released from ' ~ prefix ~ '_batch
            ' ~ ('union all
            select hash(' ~ key ~ '), true from (' ~ released_rows_of_batch(name) ~ ') as released
            where hash(' ~ key ~ ') in (select key_hash from ' ~ prefix ~ '_batch)'
            if is_standing(name) else '') ~ '
        ) group by key_hash'
    ) %}
    {% do run_query(
        'create or replace table ' ~ prefix ~ '_ranked as
        select
            _file, _row, event_id, day,
            row_number() over (
                partition by ' ~ key ~ '
                order by ' ~ (table['first_by'] + rest) | join(', ') ~ ', event_id nulls last, _file, _row
            ) as precedence
        from (
            select ' ~ compared ~ ', _file, _row, cast(null as varchar) as event_id, cast(null as date) as day
            from ' ~ prefix ~ '_batch
            where key_hash in (select key_hash from ' ~ prefix ~ '_groups where copies > 1)
            ' ~ ('union all
            select ' ~ compared ~ ', null, null, event_id, ' ~ table['business_date']['name'] ~ '
            from (' ~ released_rows_of_batch(name) ~ ') as released
            where hash(' ~ key ~ ') in (select key_hash from ' ~ prefix ~ '_groups where copies > 1)'
            if is_standing(name) else '') ~ '
        )'
    ) %}
    {% do run_query(
        'create or replace table ' ~ prefix ~ '_superseded as
        select _file, _row, event_id, day from ' ~ prefix ~ '_ranked where precedence > 1'
    ) %}
    {%- set found = run_query(
        'select
            coalesce(sum(copies - released), 0),
            coalesce(sum(released), 0),
            count(*) filter (copies = 1)
                + (select count(*) from ' ~ prefix ~ '_ranked where precedence = 1),
            coalesce(sum(copies - released), 0)
                - (select count(*) from ' ~ prefix ~ '_superseded where event_id is null)
        from ' ~ prefix ~ '_groups'
    ).rows[0] -%}
    {{ return({'new': found[0], 'standing': found[1], 'keys': found[2], 'won': found[3]}) }}
{% endmacro %}
