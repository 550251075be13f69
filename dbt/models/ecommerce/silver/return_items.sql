{{ deduplicated('return_items') }}
