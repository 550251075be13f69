{{ checked('orders') }}
