{{ rejected_as_received('raw_customers') }}
