{{ checked('return_items') }}
