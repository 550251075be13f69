"""Builders of small, correctly typed silver frames for the tests of the transforms.

Each function takes a list of dictionaries, one a row, naming only the columns that a test cares
about; every other column of the table is there too and NULL. Money may be written as text, whole
number or Decimal; timestamps as `datetime`, dates as `date`. A business date that is left out is
taken from its timestamp where the row itself has one.

No expectations and no transform belongs in here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import polars as pl

Row = Mapping[str, Any]

MONEY = pl.Decimal(18, 2)
TIMESTAMP = pl.Datetime("us")
_MONEY_SUFFIXES = ("_total", "_amount", "_cost", "_price", "_fee")
_TIMESTAMP_SUFFIXES = ("_date", "_at", "_ts")
_AUDIT = "batch_id ingestion_ts event_id source_file"


def _dtype(column: str) -> pl.DataType | type[pl.DataType]:
    name, _, kind = column.partition(":")
    if kind:
        return {"i": pl.Int64, "f": pl.Float64, "b": pl.Boolean}[kind]
    if name.endswith("_dt"):
        return pl.Date
    if name.endswith(_MONEY_SUFFIXES):
        return MONEY
    if name.endswith(_TIMESTAMP_SUFFIXES):
        return TIMESTAMP
    return pl.String


def _schema(columns: str) -> dict[str, pl.DataType | type[pl.DataType]]:
    return {column.partition(":")[0]: _dtype(column) for column in columns.split()}


ORDERS = _schema(
    "order_id total_items:i order_date customer_id email order_channel is_expedited:b"
    " customer_tier gross_total net_total total_discount_amount payment_method shipping_speed"
    " shipping_cost agent_id actual_shipping_cost payment_processing_fee shipping_address"
    f" billing_address clv_bucket is_reactivated:b {_AUDIT} order_dt ingestion_dt"
)
ORDER_ITEMS = _schema(
    "order_id product_id:i product_name category quantity:i unit_price discount_amount cost_price"
    f" {_AUDIT} order_dt ingestion_dt"
)
SHOPPING_CARTS = _schema(
    f"cart_id customer_id created_at updated_at cart_total status {_AUDIT} created_dt ingestion_dt"
)
CART_ITEMS = _schema(
    "cart_item_id:i cart_id product_id:i product_name category added_at quantity:i unit_price"
    f" {_AUDIT} added_dt ingestion_dt"
)
RETURNS = _schema(
    "return_id order_id customer_id email return_date reason return_type refunded_amount"
    f" return_channel agent_id refund_method {_AUDIT} return_dt ingestion_dt"
)
RETURN_ITEMS = _schema(
    "return_item_id:i return_id order_id product_id:i product_name category quantity_returned:i"
    f" unit_price cost_price refunded_amount {_AUDIT} return_dt ingestion_dt"
)
CUSTOMERS = _schema(
    "customer_id first_name last_name email phone_number signup_date gender age:f is_guest:b"
    " customer_status signup_channel loyalty_tier initial_loyalty_tier email_verified:b"
    " marketing_opt_in:b mailing_address billing_address loyalty_enrollment_date clv_bucket"
    f" {_AUDIT} signup_dt ingestion_dt snapshot_dt"
)
PRODUCT_CATALOG = _schema(
    "product_id:i product_name category unit_price cost_price inventory_quantity:i"
    f" {_AUDIT} ingestion_dt snapshot_dt"
)


def _frame(
    rows: Iterable[Row],
    schema: Mapping[str, pl.DataType | type[pl.DataType]],
    business_date: tuple[str, str] | None = None,
) -> pl.LazyFrame:
    filled = []
    for row in rows:
        unknown = row.keys() - schema.keys()
        if unknown:
            raise KeyError(f"no such column: {sorted(unknown)}")
        values = {name: row.get(name) for name in schema}
        for name, value in values.items():
            if schema[name] == MONEY and value is not None:
                values[name] = Decimal(str(value))
        if business_date is not None:
            date_column, timestamp_column = business_date
            timestamp = values[timestamp_column]
            if date_column not in row and isinstance(timestamp, dt.datetime):
                values[date_column] = timestamp.date()
        filled.append(values)
    return pl.LazyFrame(filled, schema=dict(schema))


def orders(rows: Iterable[Row]) -> pl.LazyFrame:
    """Silver orders; `order_dt` follows `order_date` unless given."""
    return _frame(rows, ORDERS, ("order_dt", "order_date"))


def order_items(rows: Iterable[Row]) -> pl.LazyFrame:
    """Silver order items; `order_dt` is the order's, so a test has to give it."""
    return _frame(rows, ORDER_ITEMS)


def shopping_carts(rows: Iterable[Row]) -> pl.LazyFrame:
    """Silver carts; `created_dt` follows `created_at` unless given."""
    return _frame(rows, SHOPPING_CARTS, ("created_dt", "created_at"))


def cart_items(rows: Iterable[Row]) -> pl.LazyFrame:
    """Silver cart items; `added_dt` follows `added_at` unless given."""
    return _frame(rows, CART_ITEMS, ("added_dt", "added_at"))


def returns(rows: Iterable[Row]) -> pl.LazyFrame:
    """Silver returns; `return_dt` follows `return_date` unless given."""
    return _frame(rows, RETURNS, ("return_dt", "return_date"))


def return_items(rows: Iterable[Row]) -> pl.LazyFrame:
    """Silver return items; `return_dt` is the return's, so a test has to give it."""
    return _frame(rows, RETURN_ITEMS)


def customers(rows: Iterable[Row]) -> pl.LazyFrame:
    """One snapshot of the customers; `signup_dt` follows `signup_date` unless given."""
    return _frame(rows, CUSTOMERS, ("signup_dt", "signup_date"))


def product_catalog(rows: Iterable[Row]) -> pl.LazyFrame:
    """One snapshot of the product catalog."""
    return _frame(rows, PRODUCT_CATALOG)


def region_tax_rates(rows: Iterable[Row]) -> pl.LazyFrame:
    """The seed of tax rates, as dbt types it."""
    typed = [{**row, "tax_rate": Decimal(str(row["tax_rate"]))} for row in rows]
    return pl.LazyFrame(typed, schema={"region": pl.String, "tax_rate": pl.Decimal(9, 6)})
