"""The contract's tables as data: columns and types, keys, rules, foreign keys.

Belongs here: what the contract states per table. Does not: how rules are applied (`silver`).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from . import values

Rule = Callable[[Mapping[str, Any], date], bool]

AUDIT = ("batch_id", "ingestion_ts", "event_id", "source_file")
GUEST_PREFIX = "GUEST-"
MONEY_SUFFIXES = ("_total", "_amount", "_cost", "_price", "_fee")
TIME_SUFFIXES = ("_date", "_at", "_ts")
LOWER_NAMES = ("email", "category", "gender", "return_type", "status")
LOWER_SUFFIXES = ("_channel", "_tier", "_status", "_method", "_speed", "_bucket")
EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")


@dataclass(frozen=True)
class ForeignKey:
    """A column that must name a surviving row of `parent`; guest ids may be exempt."""

    column: str
    parent: str
    guests_exempt: bool = False


@dataclass(frozen=True)
class Contract:
    """One bronze table: its columns with the letter of their raw type, key, rules, foreign keys.

    `dated_by` is (business date, its timestamp column or None, foreign key to inherit it by or
    None, the parent's date); no business date of its own is None.
    """

    columns: dict[str, str]
    partition: str
    key: tuple[str, ...]
    rules: dict[str, Rule]
    foreign_keys: tuple[ForeignKey, ...] = ()
    dated_by: tuple[str, str | None, str | None, str | None] | None = None

    @property
    def raw_columns(self) -> list[str]:
        """The bronze columns, audit columns last."""
        return [*self.columns, *AUDIT]

    @property
    def silver_columns(self) -> list[str]:
        """The published columns of the silver table."""
        business = [self.dated_by[0]] if self.dated_by else []
        return [*self.raw_columns, *business, "ingestion_dt"]


def _columns(declared: str) -> dict[str, str]:
    """`name name:letter …` as a dict; a name without a letter is a string."""
    pairs = (item.partition(":") for item in declared.split())
    return {name: letter or "s" for name, _, letter in pairs}


def caster(name: str, letter: str) -> Callable[[Any], Any]:
    """The function that types a raw value of the column."""
    if letter == "f":
        return values.money if name.endswith(MONEY_SUFFIXES) else values.double
    if letter == "i":
        return values.integer
    if letter == "b":
        return values.boolean
    if name.endswith(TIME_SUFFIXES):
        return values.timestamp
    if name in LOWER_NAMES or name.endswith(LOWER_SUFFIXES):
        return values.lower_text
    return values.text


def _missing(column: str) -> Rule:
    return lambda row, _today: row[column] is not None


def _negative(column: str) -> Rule:
    return lambda row, _today: row[column] is None or row[column] >= 0


def _invalid_number(column: str) -> Rule:
    return lambda row, _today: row[column] is not None and row[column] > 0


def _invalid_date(column: str) -> Rule:
    return lambda row, today: row[column] is not None and row[column].date() <= today


def _at_least(greater: str, lesser: str) -> Rule:
    return lambda row, _today: (
        row[greater] is None or row[lesser] is None or row[greater] >= row[lesser]
    )


def _email(row: Mapping[str, Any], _today: date) -> bool:
    return row["email"] is None or EMAIL.fullmatch(row["email"]) is not None


def _rules(declared: str, **special: Rule) -> dict[str, Rule]:
    """Rules in the order declared: `missing:x`, `negative:x`, `invalid:x`, or a special's name."""
    makers = {
        "missing": _missing,
        "negative": _negative,
        "invalid": _invalid_number,
        "future": _invalid_date,
    }
    rules: dict[str, Rule] = {}
    for item in declared.split():
        kind, _, rest = item.partition(":")
        column, _, alias = rest.partition("=")
        if kind in special:
            rules[kind] = special[kind]
        else:
            prefix = "invalid" if kind == "future" else kind
            rules[f"{prefix}_{alias or column}"] = makers[kind](column)
    return rules


_CUSTOMER = ForeignKey("customer_id", "customers", guests_exempt=True)
_PRODUCT = ForeignKey("product_id", "product_catalog")
_ORDER = ForeignKey("order_id", "orders")

# Parents stand before their children: the tables are refined in this order.
CONTRACTS: dict[str, Contract] = {
    "customers": Contract(
        _columns(
            "customer_id first_name last_name email phone_number signup_date gender age:f "
            "is_guest:b customer_status signup_channel loyalty_tier initial_loyalty_tier "
            "email_verified:b marketing_opt_in:b mailing_address billing_address "
            "loyalty_enrollment_date clv_bucket"
        ),
        "signup_date",
        ("customer_id",),
        _rules("missing:customer_id invalid_email missing:signup_date", invalid_email=_email),
        dated_by=("signup_dt", "signup_date", None, None),
    ),
    "product_catalog": Contract(
        _columns(
            "product_id:i product_name category unit_price:f cost_price:f inventory_quantity:i"
        ),
        "category",
        ("product_id",),
        _rules(
            "invalid:product_id missing:product_name missing:unit_price negative:unit_price "
            "negative:cost_price negative:inventory_quantity=inventory unit_price_below_cost",
            unit_price_below_cost=_at_least("unit_price", "cost_price"),
        ),
    ),
    "orders": Contract(
        _columns(
            "order_id total_items:i order_date customer_id email order_channel is_expedited:b "
            "customer_tier gross_total:f net_total:f total_discount_amount:f payment_method "
            "shipping_speed shipping_cost:f agent_id actual_shipping_cost:f "
            "payment_processing_fee:f shipping_address billing_address clv_bucket "
            "is_reactivated:b"
        ),
        "ingest_dt",
        ("order_id",),
        _rules(
            "missing:order_id missing:customer_id future:order_date missing:gross_total "
            "missing:net_total negative:gross_total negative:net_total "
            "negative:total_discount_amount=discount net_exceeds_gross",
            net_exceeds_gross=_at_least("gross_total", "net_total"),
        ),
        (_CUSTOMER,),
        ("order_dt", "order_date", None, None),
    ),
    "order_items": Contract(
        _columns(
            "order_id product_id:i product_name category quantity:i unit_price:f "
            "discount_amount:f cost_price:f"
        ),
        "ingest_dt",
        ("order_id", "product_id"),
        _rules(
            "missing:order_id invalid:product_id invalid:quantity missing:unit_price "
            "negative:unit_price negative:discount_amount=discount negative:cost_price"
        ),
        (_ORDER, _PRODUCT),
        ("order_dt", None, "order_id", "order_dt"),
    ),
    "shopping_carts": Contract(
        _columns("cart_id customer_id created_at updated_at cart_total:f status"),
        "ingest_dt",
        ("cart_id",),
        _rules(
            "missing:cart_id missing:customer_id future:created_at negative:cart_total "
            "updated_before_created",
            updated_before_created=_at_least("updated_at", "created_at"),
        ),
        (_CUSTOMER,),
        ("created_dt", "created_at", None, None),
    ),
    "cart_items": Contract(
        _columns(
            "cart_item_id:i cart_id product_id:i product_name category added_at quantity:i "
            "unit_price:f"
        ),
        "ingest_dt",
        ("cart_item_id", "cart_id", "product_id"),
        _rules(
            "invalid:cart_item_id missing:cart_id invalid:product_id invalid:quantity "
            "missing:unit_price negative:unit_price"
        ),
        (ForeignKey("cart_id", "shopping_carts"), _PRODUCT),
        ("added_dt", "added_at", "cart_id", "created_dt"),
    ),
    "returns": Contract(
        _columns(
            "return_id order_id customer_id email return_date reason return_type "
            "refunded_amount:f return_channel agent_id refund_method"
        ),
        "ingest_dt",
        ("return_id",),
        _rules(
            "missing:return_id missing:order_id missing:customer_id future:return_date "
            "negative:refunded_amount"
        ),
        (_ORDER, _CUSTOMER),
        ("return_dt", "return_date", None, None),
    ),
    "return_items": Contract(
        _columns(
            "return_item_id:i return_id order_id product_id:i product_name category "
            "quantity_returned:i unit_price:f cost_price:f refunded_amount:f"
        ),
        "ingest_dt",
        ("return_item_id", "return_id", "product_id"),
        _rules(
            "invalid:return_item_id missing:return_id missing:order_id invalid:product_id "
            "invalid:quantity_returned negative:unit_price negative:cost_price "
            "negative:refunded_amount"
        ),
        (ForeignKey("return_id", "returns"), _ORDER, _PRODUCT),
        ("return_dt", None, "return_id", "return_dt"),
    ),
}
