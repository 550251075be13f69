"""What a row of `raw_orders` must satisfy.

Belongs here: its columns and rules, in their order. Does not belong here: how a text is read.
"""

from __future__ import annotations

from typing import Annotated

from tasks.contracts.row_models.received_values import (
    ReceivedRow,
    Text,
    fitting,
    is_amount,
    is_moment,
    present,
)


class Row(ReceivedRow):
    """An order; status and region may be NULL."""

    order_id: Annotated[Text, present("missing_order_id")]
    customer_id: Annotated[Text, present("missing_customer_id")]
    total_amount: Annotated[
        Text, fitting("invalid_total_amount", is_amount, "number >= 0", required=True)
    ]
    created_at: Annotated[
        Text, fitting("invalid_created_at", is_moment, "timestamp", required=True)
    ]
