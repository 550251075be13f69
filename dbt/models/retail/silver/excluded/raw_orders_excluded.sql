{{ excluded_rows('raw_orders') }}
