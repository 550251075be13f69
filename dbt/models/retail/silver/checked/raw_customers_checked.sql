{{ checked_rows('raw_customers') }}
