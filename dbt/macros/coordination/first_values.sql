{# The values of the first of the copies of each metric record; malformed records are no copies of each other. #}
{% macro first_values(relation) -%}
(
    select * exclude (precedence)
    from (
        select
            *,
            case
                when record_id is null then 1
                else row_number() over (
                    partition by master, record_id, value_number
                    order by ingested_at, source_file, source_row
                )
            end as precedence
        from {{ relation }}
    ) as ranked
    where precedence = 1
) as first_values
{%- endmacro %}
