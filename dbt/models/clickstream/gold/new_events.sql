-- A view: each model that counts them takes the few columns that it needs from the files.
select
    event_id,
    event_time,
    event_date,
    event_type,
    product_id,
    category_id,
    category_code,
    category_l1,
    brand,
    price,
    user_id,
    user_session
{% if builds_on_release() -%}
    from {{ source('added', 'events_cleaned') }}
    where {{ is_counted('event_date') }}
{%- else -%}
    from {{ source('silver', 'events_cleaned') }}
    where false
{%- endif %}
