"""Tests of the comparison of tables.

Belongs here: what `differences` accepts and what it says. Does not: the contract.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from .compare import differences
from .table import Table

COLUMNS = ["id", "value"]
at = datetime.fromisoformat


def table(*rows: tuple[Any, ...]) -> Table:
    return Table(COLUMNS, list(rows), ("id",))


def test_order_of_rows_means_nothing_but_copies_count() -> None:
    expected = table((1, "a"), (1, "a"), (2, "b"))
    assert differences(expected, COLUMNS, [(2, "b"), (1, "a"), (1, "a")]) == []
    assert differences(expected, COLUMNS, [(2, "b"), (2, "b"), (1, "a")]) == [
        "missing row id=1, value='a'",
        "unexpected row id=2, value='b'",
    ]


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        (1.0, 1.0 + 5e-10),
        (1e12, 1e12 + 100),
        (float("nan"), float("nan")),
        (Decimal("1.5"), Decimal("1.50")),
        (["a", "b"], ("a", "b")),
        (at("2024-01-01T00:00:00"), datetime(2024, 1, 1, tzinfo=UTC)),
        (None, None),
    ],
)
def test_equal_values(expected: Any, actual: Any) -> None:
    assert differences(table((1, expected)), COLUMNS, [(1, actual)]) == []


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        (1.0, 1.0 + 1e-8),
        (1.0, None),
        (1.0, float("nan")),
        (1, 1.0),
        (1, True),
        (Decimal(1), 1),
        (Decimal("0.01"), Decimal("0.02")),
        (["a", "b"], ["b", "a"]),
        ("a", "A"),
        (at("2024-01-01T00:00:00").date(), at("2024-01-01T00:00:00")),
    ],
)
def test_different_values_are_named_with_their_column_and_key(expected: Any, actual: Any) -> None:
    (message,) = differences(table((7, expected)), COLUMNS, [(7, actual)])
    assert message.startswith("row id=7: value: expected ")


def test_floats_in_one_group_pair_up_whatever_their_order() -> None:
    expected = table((1, 1.0), (1, 2.0), (1, None))
    assert differences(expected, COLUMNS, [(1, None), (1, 2.0), (1, 1.0 + 1e-12)]) == []


def test_columns_must_be_the_same_in_the_same_order() -> None:
    assert "another order" in differences(table(), ["value", "id"], [])[0]
    (message,) = differences(table(), ["id", "worth"], [])
    assert "missing ['value'], unexpected ['worth']" in message


def test_messages_are_limited() -> None:
    expected = table(*[(n, "a") for n in range(30)])
    messages = differences(expected, COLUMNS, [], limit=3)
    assert len(messages) == 4
    assert messages[0] == "30 rows expected, 0 found"
    assert messages[-1] == "... and 28 more differences"
