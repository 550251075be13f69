"""The clean customers and the clean product catalog.

Belongs here: the two bronze frames of the dimensions. Does not belong here: what customers do,
audit columns, anything invalid.
"""

import numpy as np
import polars as pl

from tasks.sample_data import names
from tasks.sample_data.plan import MICROS_PER_DAY, SamplePlan, Stream, chance, pick, products_of
from tasks.sample_data.shop_orders import product_names
from tasks.sample_data.text import (
    addresses,
    emails,
    money,
    numbered,
    person_names,
    spelled,
    stamped,
)


def customers_frame(plan: SamplePlan, first: int, past_last: int) -> pl.DataFrame:
    """Bronze columns of the `customers` who signed up on days `first` … `past_last` - 1.

    Without audit columns; `_group` is the customer's number and `_day` the day of the sign-up.
    """
    random = plan.random(Stream.CUSTOMERS, first)
    starts = [plan.customers_before(day) for day in range(first, past_last + 1)]
    number = np.arange(starts[0], starts[-1], dtype=np.int64)
    count = len(number)
    day = np.repeat(np.arange(first, past_last), np.diff(starts))
    signup = plan.midnight_of(0) + day * MICROS_PER_DAY
    first_name, last_name = person_names(number)
    enrolled = signup + random.integers(0, 60, count) * MICROS_PER_DAY

    def text(values: tuple[str, ...], *weights: float) -> pl.Series:
        return spelled(random, values, pick(random, count, weights), plan.dirt)

    def sometimes(values: pl.Series, missing: float) -> pl.Series:
        return values.set(pl.Series(chance(random, count, missing)), None)

    def flags(share: float) -> pl.Series:
        return pl.Series(chance(random, count, share))

    nobody = np.zeros(count, dtype=np.bool_)
    no_mail, no_bill = chance(random, count, 0.02), chance(random, count, 0.03)
    age = random.integers(18, 81, count).astype(np.float64)
    return pl.DataFrame(
        {
            "customer_id": numbered("CUST-", number, 6),
            "first_name": first_name,
            "last_name": last_name,
            "email": emails(number, nobody),
            "phone_number": numbered("+1-555-01", number % 100, 2),
            "signup_date": stamped(signup, "%Y-%m-%d"),
            "gender": text(names.GENDERS, 0.36, 0.36, 0.03, 0.25),
            "age": sometimes(pl.Series(age), 0.05),
            "is_guest": sometimes(pl.Series(nobody), 0.01),
            "customer_status": text(names.CUSTOMER_STATUSES, 0.85, 0.13, 0.02),
            "signup_channel": text(names.SIGNUP_CHANNELS, 0.5, 0.25, 0.15, 0.1),
            "loyalty_tier": text(names.TIERS, 0.45, 0.27, 0.18, 0.1),
            "initial_loyalty_tier": sometimes(text(names.TIERS, 0.7, 0.2, 0.08, 0.02), 0.1),
            "email_verified": sometimes(flags(0.8), 0.04),
            "marketing_opt_in": sometimes(flags(0.5), 0.04),
            "mailing_address": addresses(plan, number * 2, no_mail),
            "billing_address": addresses(plan, number * 2, no_bill),
            "loyalty_enrollment_date": sometimes(stamped(enrolled, "%Y-%m-%d"), 0.1),
            "clv_bucket": text(names.CLV_BUCKETS, 0.35, 0.35, 0.3),
            "_group": pl.Series(number),
            "_day": pl.Series(day.astype(np.int64)),
        }
    )


def product_catalog_frame(plan: SamplePlan) -> pl.DataFrame:
    """Bronze columns of `product_catalog` without audit.

    `_group` is the product's rank by popularity, `_category` its category as folders spell it.
    """
    random = plan.random(Stream.PRODUCTS, 1)
    catalog = products_of(plan)
    place = np.arange(plan.products, dtype=np.int64)
    rank = np.empty_like(place)
    rank[catalog.by_popularity] = place
    name, category = product_names(plan, random, place)
    unknown_stock = pl.Series(chance(random, plan.products, 0.01))
    return pl.DataFrame(
        {
            "product_id": pl.Series(place + 1),
            "product_name": name,
            "category": category,
            "unit_price": money(catalog.price),
            "cost_price": money(catalog.cost),
            "inventory_quantity": pl.Series(catalog.inventory).set(unknown_stock, None),
            "_group": pl.Series(rank),
            "_category": pl.Series(list(names.PRODUCT_NAMES)).gather(catalog.category),
        }
    )
