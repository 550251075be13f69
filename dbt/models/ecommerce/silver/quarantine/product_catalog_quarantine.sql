{{ quarantined('product_catalog') }}
