{{ quarantined('return_items') }}
