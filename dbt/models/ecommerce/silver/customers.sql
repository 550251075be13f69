{{ deduplicated('customers') }}
