{{ checked('product_catalog') }}
