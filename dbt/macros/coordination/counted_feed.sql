{#
    The accounting of the tables of JSON records, as hooks behind them. Everything that is known is counted: the records
    of this run, and those that the release before had seen.
#}
{% macro count_processed_tasks() -%}
    {{ count_feed(
        'processed_tasks',
        'silver.task_records',
        'select distinct task_id, "timestamp" from silver.task_records where len(quarantine_reasons) = 0',
    ) }}
{%- endmacro %}

{% macro count_validated_lineage() -%}
    {{ count_feed('validated_lineage', 'silver.lineage_records', 'from silver.validated_lineage') }}
{%- endmacro %}

{% macro count_feed(name, records, distinct) -%}
    insert into audit.row_counts
    select
        '{{ name }}',
        count(*),
        count(*) filter (len(quarantine_reasons) > 0),
        0,
        count(*) filter (len(quarantine_reasons) = 0),
        (select count(*) from ({{ distinct }})),
        0
    from {{ records }}
{%- endmacro %}

{# Of metrics values are counted; those of a copy of a record are superseded, whatever they are. #}
{% macro count_aggregated_metrics() -%}
    insert into audit.row_counts
    select
        'aggregated_metrics',
        values.known,
        firsts.rejected,
        0,
        values.known - firsts.rejected,
        firsts.valid,
        0
    from (select count(*) as known from silver.metric_values) as values
    cross join (
        select
            count(*) filter (len(quarantine_reasons) > 0) as rejected,
            count(*) filter (len(quarantine_reasons) = 0) as valid
        from {{ first_values('silver.metric_values') }}
    ) as firsts
{%- endmacro %}
