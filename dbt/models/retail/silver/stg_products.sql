with products as (
    {{ surviving_rows('raw_products') }}
)

select
    product_id,
    name,
    -- White space of any script, as people paste it from a page.
    coalesce(regexp_replace(lower(category), '[\s\v\x1c-\x1f\x{85}\p{Z}]+', '_', 'g'), 'unknown') as category,
    price
from products
