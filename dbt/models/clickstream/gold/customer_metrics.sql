with buyers as (
    select
        user_id,
        rank() over (order by last_purchase_time) as recency_rank,
        rank() over (order by total_purchases) as frequency_rank,
        rank() over (order by total_revenue) as monetary_rank,
        count(*) over () as members
    from {{ ref('customer_activity') }}
    where total_purchases > 0
),

scores as (
    select
        user_id,
        {{ fifth('recency_rank', 'members') }}
        + {{ fifth('frequency_rank', 'members') }}
        + {{ fifth('monetary_rank', 'members') }} as rfm_score
    from buyers
),

customers as (
    select
        *,
        {{ days_between('last_activity_date', as_of()) }} as days_since_last_activity
    from {{ ref('customer_activity') }}
)

select
    customers.user_id,
    customers.total_sessions,
    customers.total_events,
    customers.total_views,
    customers.total_cart_adds,
    customers.total_cart_removals,
    customers.total_purchases,
    customers.unique_products_viewed,
    customers.total_revenue,
    {{ ratio('customers.total_revenue', 'customers.total_purchases') }} as avg_purchase_value,
    customers.first_activity_date,
    customers.last_activity_date,
    customers.unique_days_active,
    customers.days_since_last_activity,
    case
        when customers.total_purchases >= 10 then 'Champion'
        when customers.total_purchases >= 5 then 'Loyal'
        when customers.total_purchases >= 2 then 'Potential Loyalist'
        when customers.total_purchases = 1 then 'New Customer'
        when customers.total_cart_adds > 0 then 'Cart Abandoner'
        else 'Visitor'
    end as customer_segment,
    scores.rfm_score,
    case
        when customers.total_purchases = 0 then 'N/A'
        when customers.days_since_last_activity < 15 then 'Low'
        when customers.days_since_last_activity <= 30 then 'Medium'
        else 'High'
    end as churn_risk
from customers
left join scores on customers.user_id = scores.user_id
