{{ checked('customers') }}
