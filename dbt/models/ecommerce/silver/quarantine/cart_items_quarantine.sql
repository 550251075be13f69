{{ quarantined('cart_items') }}
