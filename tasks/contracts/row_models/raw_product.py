"""What a row of `raw_products` must satisfy.

Belongs here: its columns and rules, in their order. Does not belong here: how a text is read.
"""

from __future__ import annotations

from typing import Annotated

from tasks.contracts.row_models.received_values import (
    ReceivedRow,
    Text,
    fitting,
    is_amount,
    present,
)


class Row(ReceivedRow):
    """A product; only the key is required."""

    product_id: Annotated[Text, present("missing_product_id")]
    price: Annotated[Text, fitting("invalid_price", is_amount, "number >= 0")]
