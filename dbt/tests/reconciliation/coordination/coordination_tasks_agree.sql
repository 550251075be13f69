-- Each task counts once, however the day is cut: so the days of a range add up to its figures.
{{ config(tags=['reconciliation']) }}

{{ differing_totals([
    (source('silver', 'current_tasks'), '1'),
    (ref('daily_analytics'), 'total_tasks'),
    (ref('by_master'), 'total_tasks'),
    (ref('by_type'), 'total_tasks'),
    (ref('by_status'), 'total_tasks'),
    (ref('kpis'), 'total_tasks'),
    (ref('master_report'), 'total_tasks'),
]) }}
