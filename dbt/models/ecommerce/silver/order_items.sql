{{ deduplicated('order_items') }}
