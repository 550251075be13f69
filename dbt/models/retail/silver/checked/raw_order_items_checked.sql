{{ checked_rows('raw_order_items') }}
