{{ deduplicated('product_catalog') }}
