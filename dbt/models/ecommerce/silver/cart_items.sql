{{ deduplicated('cart_items') }}
