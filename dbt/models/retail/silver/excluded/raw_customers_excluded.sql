{{ excluded_rows('raw_customers') }}
