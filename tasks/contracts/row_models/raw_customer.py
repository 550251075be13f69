"""What a row of `raw_customers` must satisfy.

Belongs here: its columns and rules, in their order. Does not belong here: how a text is read.
"""

from __future__ import annotations

from typing import Annotated

from tasks.contracts.row_models.received_values import (
    ReceivedRow,
    Text,
    fitting,
    is_email,
    is_moment,
    present,
)


class Row(ReceivedRow):
    """A customer; only the key is required."""

    customer_id: Annotated[Text, present("missing_customer_id")]
    email: Annotated[Text, fitting("invalid_email", is_email, "e-mail address")]
    created_at: Annotated[Text, fitting("invalid_created_at", is_moment, "timestamp")]
