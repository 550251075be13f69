{{ checked_rows('raw_products') }}
