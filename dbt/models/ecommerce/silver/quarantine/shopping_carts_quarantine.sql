{{ quarantined('shopping_carts') }}
