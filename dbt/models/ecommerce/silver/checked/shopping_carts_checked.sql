{{ checked('shopping_carts') }}
