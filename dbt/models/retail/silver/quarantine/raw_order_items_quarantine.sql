{{ rejected_as_received('raw_order_items') }}
