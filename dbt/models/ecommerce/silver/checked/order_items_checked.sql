{{ checked('order_items') }}
