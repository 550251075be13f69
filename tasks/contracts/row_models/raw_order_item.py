"""What a row of `raw_order_items` must satisfy.

Belongs here: its columns and rules, in their order. Does not belong here: how a text is read.
"""

from __future__ import annotations

from typing import Annotated

from tasks.contracts.row_models.received_values import (
    ReceivedRow,
    Text,
    fitting,
    is_amount,
    is_quantity,
    present,
)


class Row(ReceivedRow):
    """A line of an order; all of it is required."""

    order_item_id: Annotated[Text, present("missing_order_item_id")]
    order_id: Annotated[Text, present("missing_order_id")]
    product_id: Annotated[Text, present("missing_product_id")]
    quantity: Annotated[
        Text, fitting("invalid_quantity", is_quantity, "whole number > 0", required=True)
    ]
    unit_price: Annotated[
        Text, fitting("invalid_unit_price", is_amount, "number >= 0", required=True)
    ]
