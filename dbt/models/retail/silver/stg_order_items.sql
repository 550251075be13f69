with order_items as (
    {{ surviving_rows('raw_order_items') }}
)

select
    order_item_id,
    order_id,
    product_id,
    quantity,
    unit_price,
    try_cast(quantity * unit_price as decimal(18, 2)) as line_total
from order_items
