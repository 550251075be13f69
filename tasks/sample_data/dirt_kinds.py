"""What can be wrong, or merely odd, in a row of each ecommerce table.

Belongs here: one `Kind` for each way of being wrong, table by table. Does not belong here: how a
column is spoilt (`spoiling.py`), how many rows are, and copies and late rows (`dirt.py`).

`WRONG[table]` breaks a rule or a foreign key and is named as the reason it is quarantined for (a
row may break a second rule by the way: a negative price is also below its cost). `HARMLESS[table]`
cleans to a valid row. `CHANGE[table]` turns a row into a later, valid version of itself.
"""

import polars as pl

from tasks.sample_data.names import BAD_EMAILS, BAD_TIMESTAMPS, NULL_TOKENS
from tasks.sample_data.spoiling import (
    Kind,
    Spoil,
    at,
    blank,
    both,
    computed,
    drawn,
    float_noise,
    half_cents,
    moved,
    negated,
    padded,
)

_NOT_A_NUMBER = (None, float("nan"), float("inf"), float("-inf"))
_NOT_POSITIVE = (0, -1, None)
_FAR_AWAY_HOURS = 24 * 3_650
_SOON_HOURS = 48
_UNKNOWN_CUSTOMERS = ("CUST-90000001", "CUST-90000002", "customer-17")
_UNKNOWN_ORDERS = ("ORD-990000001", "ORD-990000002", "17")
_UNKNOWN_CARTS = ("CART-9990000001", "CART-9990000002")
_UNKNOWN_RETURNS = ("RTN-990000001", "RTN-990000002")
_UNKNOWN_PRODUCTS = (9_000_001, 9_000_002, 9_000_003)


def _instants(column: str) -> tuple[Kind, ...]:
    """The same instant as an exporter in another zone writes it."""
    return (
        Kind(f"{column}_zulu", at(column, 0, "Z")),
        Kind(f"{column}_utc", at(column, 0, " utc")),
        Kind(f"{column}_east", at(column, 2, "+02:00")),
        Kind(f"{column}_west", at(column, -6, "-0600")),
        Kind(f"{column}_hour_offset", at(column, 9, " +09")),
    )


def _optional(*columns: str) -> tuple[Kind, ...]:
    return tuple(Kind(f"{column}_blank", blank(column)) for column in columns)


def _not_numbers(*columns: str) -> tuple[Kind, ...]:
    return tuple(
        kind
        for column in columns
        for kind in (
            Kind(f"{column}_nan", drawn(column, (float("nan"),))),
            Kind(f"{column}_null_or_infinite", drawn(column, (None, float("inf"), float("-inf")))),
        )
    )


def _missing(*columns: str) -> tuple[Kind, ...]:
    return tuple(Kind(f"missing_{column}", blank(column)) for column in columns)


def _dates(column: str) -> tuple[Kind, ...]:
    name = f"invalid_{column}"
    return (
        Kind(name, drawn(column, (*BAD_TIMESTAMPS, *NULL_TOKENS))),
        Kind(name, at(column, _FAR_AWAY_HOURS, "")),
        Kind(name, at(column, _SOON_HOURS, "")),  # valid in two days' time
    )


_MISSING_PRICE = Kind("missing_unit_price", drawn("unit_price", _NOT_A_NUMBER))
_NEGATIVE_PRICE = Kind("negative_unit_price", negated("unit_price"))
_NEGATIVE_COST = Kind("negative_cost_price", negated("cost_price"))
_NEGATIVE_REFUND = Kind("negative_refunded_amount", negated("refunded_amount"))
_BAD_PRODUCT = Kind("invalid_product_id", drawn("product_id", _NOT_POSITIVE))
_BAD_QUANTITY = Kind("invalid_quantity", drawn("quantity", _NOT_POSITIVE))
_NO_CUSTOMER = Kind("customer_id_orphan", drawn("customer_id", _UNKNOWN_CUSTOMERS))
_NO_ORDER = Kind("order_id_orphan", drawn("order_id", _UNKNOWN_ORDERS))
_NO_PRODUCT = Kind("product_id_orphan", drawn("product_id", _UNKNOWN_PRODUCTS))

WRONG: dict[str, tuple[Kind, ...]] = {
    "customers": (
        *_missing("customer_id", "signup_date"),
        Kind("missing_signup_date", drawn("signup_date", BAD_TIMESTAMPS)),
        Kind("invalid_email", drawn("email", BAD_EMAILS)),
    ),
    "product_catalog": (
        _BAD_PRODUCT,
        *_missing("product_name"),
        _MISSING_PRICE,
        _NEGATIVE_PRICE,
        _NEGATIVE_COST,
        Kind("negative_inventory", drawn("inventory_quantity", (-1, -40))),
        Kind("unit_price_below_cost", computed(cost_price=(pl.col("unit_price") + 0.01).round(2))),
    ),
    "orders": (
        *_missing("order_id", "customer_id"),
        *_dates("order_date"),
        Kind("missing_gross_total", drawn("gross_total", _NOT_A_NUMBER)),
        Kind("missing_net_total", drawn("net_total", _NOT_A_NUMBER)),
        Kind("negative_gross_total", negated("gross_total")),
        Kind("negative_net_total", negated("net_total")),
        Kind("negative_discount", negated("total_discount_amount")),
        Kind("net_exceeds_gross", computed(net_total=(pl.col("gross_total") + 0.01).round(2))),
        _NO_CUSTOMER,
    ),
    "order_items": (
        *_missing("order_id"),
        _BAD_PRODUCT,
        _BAD_QUANTITY,
        _MISSING_PRICE,
        _NEGATIVE_PRICE,
        Kind("negative_discount", negated("discount_amount")),
        _NEGATIVE_COST,
        _NO_ORDER,
        _NO_PRODUCT,
    ),
    "shopping_carts": (
        *_missing("cart_id", "customer_id"),
        *_dates("created_at"),
        Kind("negative_cart_total", negated("cart_total")),
        Kind("negative_cart_total", drawn("cart_total", (-0.01, -19.990000000000002))),
        Kind(
            "updated_before_created", computed(updated_at=moved("updated_at", -3, "", "created_at"))
        ),
        _NO_CUSTOMER,
    ),
    "cart_items": (
        Kind("invalid_cart_item_id", drawn("cart_item_id", _NOT_POSITIVE)),
        *_missing("cart_id"),
        _BAD_PRODUCT,
        _BAD_QUANTITY,
        _MISSING_PRICE,
        _NEGATIVE_PRICE,
        Kind("cart_id_orphan", drawn("cart_id", _UNKNOWN_CARTS)),
        _NO_PRODUCT,
    ),
    "returns": (
        *_missing("return_id", "order_id", "customer_id"),
        *_dates("return_date"),
        _NEGATIVE_REFUND,
        # Both parents at once: a small shop has few returns, and orphans are to stay below 1 %.
        Kind("order_id_orphan", both(_NO_ORDER.spoil, _NO_CUSTOMER.spoil)),
    ),
    "return_items": (
        Kind("invalid_return_item_id", drawn("return_item_id", _NOT_POSITIVE)),
        *_missing("return_id", "order_id"),
        _BAD_PRODUCT,
        Kind("invalid_quantity_returned", drawn("quantity_returned", _NOT_POSITIVE)),
        _NEGATIVE_PRICE,
        _NEGATIVE_COST,
        _NEGATIVE_REFUND,
        Kind(
            "return_id_orphan",
            both(drawn("return_id", _UNKNOWN_RETURNS), drawn("order_id", _UNKNOWN_ORDERS)),
        ),
        _NO_PRODUCT,
    ),
}

HARMLESS: dict[str, tuple[Kind, ...]] = {
    "customers": (
        *_optional("first_name", "last_name", "phone_number", "gender", "customer_status"),
        *_optional("email", "loyalty_tier", "mailing_address", "clv_bucket"),
        *_optional("loyalty_enrollment_date"),
        Kind(
            "loyalty_enrollment_date_unparsable", drawn("loyalty_enrollment_date", BAD_TIMESTAMPS)
        ),
        Kind("customer_id_padded", padded("customer_id")),
        Kind("email_padded", padded("email")),
        Kind("email_upper", computed(email=pl.col("email").str.to_uppercase())),
        Kind("signup_date_timed", computed(signup_date=pl.col("signup_date") + " 08:30:15Z")),
        *_not_numbers("age"),
    ),
    "product_catalog": (
        *_optional("category"),
        *_not_numbers("cost_price"),
        Kind("product_name_padded", padded("product_name")),
        Kind("unit_price_noise", float_noise("unit_price")),
        Kind("cost_price_half_cents", half_cents("cost_price")),
    ),
    "orders": (
        *_optional("email", "order_channel", "customer_tier", "payment_method", "shipping_speed"),
        *_optional("agent_id", "shipping_address", "billing_address", "clv_bucket"),
        *_not_numbers("shipping_cost", "actual_shipping_cost", "total_discount_amount"),
        *_instants("order_date"),
        Kind("order_id_padded", padded("order_id")),
        Kind("customer_id_padded", padded("customer_id")),
        Kind("email_upper", computed(email=pl.col("email").str.to_uppercase())),
        Kind("gross_total_noise", float_noise("gross_total")),
        Kind("net_total_noise", float_noise("net_total")),
        Kind("fee_half_cents", half_cents("payment_processing_fee")),
        Kind("actual_shipping_cost_half_cents", half_cents("actual_shipping_cost")),
    ),
    "order_items": (
        *_optional("product_name", "category"),
        *_not_numbers("discount_amount", "cost_price"),
        Kind("order_id_padded", padded("order_id")),
        Kind("unit_price_noise", float_noise("unit_price")),
        Kind("cost_price_half_cents", half_cents("cost_price")),
    ),
    "shopping_carts": (
        *_optional("updated_at", "status"),
        *_not_numbers("cart_total"),
        *_instants("created_at"),
        *_instants("updated_at"),
        Kind("updated_at_unparsable", drawn("updated_at", BAD_TIMESTAMPS)),
        Kind("cart_id_padded", padded("cart_id")),
        Kind("customer_id_padded", padded("customer_id")),
        Kind("cart_total_noise", float_noise("cart_total")),
    ),
    "cart_items": (
        *_optional("product_name", "category", "added_at"),
        *_instants("added_at"),
        Kind("added_at_unparsable", drawn("added_at", BAD_TIMESTAMPS)),
        Kind("cart_id_padded", padded("cart_id")),
        Kind("unit_price_noise", float_noise("unit_price")),
    ),
    "returns": (
        *_optional("email", "reason", "return_type", "return_channel", "agent_id", "refund_method"),
        *_not_numbers("refunded_amount"),
        *_instants("return_date"),
        Kind("order_id_padded", padded("order_id")),
        Kind("refunded_amount_noise", float_noise("refunded_amount")),
    ),
    "return_items": (
        *_optional("product_name", "category"),
        *_not_numbers("unit_price", "cost_price", "refunded_amount"),
        Kind("return_id_padded", padded("return_id")),
        Kind("refunded_amount_noise", float_noise("refunded_amount")),
        Kind("cost_price_half_cents", half_cents("cost_price")),
    ),
}

CHANGE: dict[str, Spoil] = {
    "customers": drawn("loyalty_tier", ("Silver", "gold", " PLATINUM ")),
    "product_catalog": computed(inventory_quantity=pl.col("inventory_quantity") // 2 + 1),
    "orders": drawn("payment_method", ("PayPal", "gift card", " BANK TRANSFER")),
    "order_items": computed(cost_price=(pl.col("cost_price") * 1.02).round(2)),
    "shopping_carts": drawn("status", ("active", "ABANDONED ", "converted")),
    "cart_items": computed(quantity=pl.col("quantity") + 1),
    "returns": drawn("reason", ("Changed mind", "wrong size", " Damaged in transit")),
    "return_items": computed(cost_price=(pl.col("cost_price") * 1.02).round(2)),
}
