with customers as (
    select
        coalesce(customer_segment, 'unknown') as customer_segment,
        coalesce(predicted_clv_bucket, 'unknown') as predicted_clv_bucket,
        coalesce(actual_clv_bucket, 'unknown') as actual_clv_bucket,
        order_count,
        total_spent,
        net_clv
    from {{ source('enriched', 'customer_lifetime_value') }}
)

select
    customer_segment,
    predicted_clv_bucket,
    actual_clv_bucket,
    count(*) as customers_count,
    {{ total_count('order_count') }} as orders_count,
    {{ total_money('total_spent') }} as total_spent,
    {{ total_money('net_clv') }} as total_net_clv,
    {{ ratio('sum(net_clv)', 'count(*)') }} as avg_net_clv,
    {{ ratio('sum(total_spent)', 'sum(order_count)') }} as avg_order_value,
    {{ run_date() }} as run_date
from customers
group by customer_segment, predicted_clv_bucket, actual_clv_bucket
