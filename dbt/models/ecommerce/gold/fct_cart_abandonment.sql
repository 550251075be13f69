with days as (
    select
        created_dt,
        count(*) as carts_created,
        {{ count_where("cart_status = 'converted'") }} as carts_converted,
        {{ count_where("cart_status = 'abandoned'") }} as carts_abandoned,
        {{ count_where("cart_status = 'empty'") }} as carts_empty,
        {{ count_where("cart_status = 'open'") }} as carts_open,
        {{ total_money('abandoned_value') }} as abandoned_value
    from {{ source('enriched', 'cart_attribution') }}
    group by created_dt
)

select
    created_dt,
    carts_created,
    carts_converted,
    carts_abandoned,
    carts_empty,
    carts_open,
    -- While a cart is open, only successes are certain, and a rate of them would be 1.
    case
        when carts_open = 0 then {{ ratio('carts_converted', 'carts_converted + carts_abandoned') }}
    end as conversion_rate,
    abandoned_value,
    {{ run_date() }} as run_date
from days
