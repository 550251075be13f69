{{ deduplicated('shopping_carts') }}
