{# A dimension as of the run date: the surviving rows of its silver table, stamped with the day. #}
{% macro snapshot(name) %}
select
    *,
    {{ run_date() }} as snapshot_dt
from {{ ref(name) }}
{% endmacro %}
