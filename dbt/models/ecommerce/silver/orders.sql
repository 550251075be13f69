{{ deduplicated('orders') }}
