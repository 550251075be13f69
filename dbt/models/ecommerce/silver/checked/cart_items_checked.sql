{{ checked('cart_items') }}
