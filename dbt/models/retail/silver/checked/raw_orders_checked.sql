{{ checked_rows('raw_orders') }}
