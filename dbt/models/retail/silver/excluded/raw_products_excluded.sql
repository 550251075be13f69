{{ excluded_rows('raw_products') }}
