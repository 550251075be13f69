"""Comparison of an expected table with what a pipeline published.

Belongs here: multiset comparison of rows and readable messages. Order of rows means nothing;
values are exact but for floats, which agree to 1e-9, relative or absolute.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from .table import Table
from .values import as_naive_utc

TOLERANCE = 1e-9
_FLOAT = "float"


def differences(
    expected: Table,
    actual_columns: Sequence[str],
    actual_rows: Iterable[Sequence[Any]],
    limit: int = 10,
) -> list[str]:
    """Up to `limit` messages on how the actual rows differ; empty when they are equal.

    Types are compared too: 1, 1.0, True and Decimal(1) are four different values. Datetimes with
    a zone are compared as UTC. Lists are compared in order.
    """
    columns = list(actual_columns)
    if columns != expected.columns:
        return [_column_message(expected.columns, columns)]
    wanted = [tuple(map(_plain, row)) for row in expected.rows]
    found = [tuple(map(_plain, row)) for row in actual_rows]
    missing, surplus = _unmatched(wanted, found)
    messages = (
        [] if len(wanted) == len(found) else [f"{len(wanted)} rows expected, {len(found)} found"]
    )
    messages += _describe(expected, missing, surplus)
    if len(messages) > limit:
        messages = [*messages[:limit], f"... and {len(messages) - limit} more differences"]
    return messages


def same(expected: Any, actual: Any) -> bool:
    """Whether two plain values agree: exactly, or to the tolerance for floats."""
    if isinstance(expected, float) and isinstance(actual, float):
        if math.isnan(expected) or math.isnan(actual):
            return math.isnan(expected) and math.isnan(actual)
        return math.isclose(expected, actual, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return _tagged(expected) == _tagged(actual)


def _column_message(expected: list[str], actual: list[str]) -> str:
    lacking = [name for name in expected if name not in actual]
    extra = [name for name in actual if name not in expected]
    if not lacking and not extra:
        return f"columns in another order: expected {expected}, found {actual}"
    return f"columns differ: missing {lacking}, unexpected {extra}"


def _plain(value: Any) -> Any:
    """A value in the oracle's own types: naive UTC datetimes, lists as tuples, so are structs."""
    if isinstance(value, datetime):
        return as_naive_utc(value)
    if hasattr(value, "tolist"):  # numpy and the like
        value = value.tolist()
    if isinstance(value, dict):
        return tuple((name, _plain(member)) for name, member in value.items())
    return tuple(map(_plain, value)) if isinstance(value, list | tuple) else value


def _tagged(value: Any) -> tuple[Any, ...]:
    """A hashable stand-in that tells types apart; every float stands as `float`."""
    if isinstance(value, float):
        return (_FLOAT,)
    if isinstance(value, Decimal):
        return ("decimal", value)
    return (type(value).__name__, value)


def _unmatched(
    wanted: list[tuple[Any, ...]], found: list[tuple[Any, ...]]
) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """The rows of either side that have no partner in the other, duplicates counted."""
    groups: dict[Any, list[tuple[Any, ...]]] = defaultdict(list)
    for row in found:
        groups[tuple(map(_tagged, row))].append(row)
    missing = []
    for row in wanted:
        candidates = groups.get(tuple(map(_tagged, row)), [])
        for position, candidate in enumerate(candidates):
            if all(map(same, row, candidate)):
                del candidates[position]
                break
        else:
            missing.append(row)
    return missing, [row for group in groups.values() for row in group]


def _describe(
    table: Table, missing: list[tuple[Any, ...]], surplus: list[tuple[Any, ...]]
) -> list[str]:
    """One message a row: differing columns where both sides have its key, else the whole row."""
    at = [table.columns.index(name) for name in table.key]

    def key_of(row: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(row[position] for position in at)

    partners: dict[tuple[Any, ...], list[tuple[Any, ...]]] = defaultdict(list)
    for row in surplus:
        partners[tuple(map(_tagged, key_of(row)))].append(row)
    messages = []
    for row in missing:
        candidates = partners[tuple(map(_tagged, key_of(row)))] if at else []
        if not candidates:
            messages.append(f"missing row {_row_text(table, row)}")
            continue
        nearest = min(
            candidates,
            key=lambda other: sum(not same(a, b) for a, b in zip(row, other, strict=True)),
        )
        candidates.remove(nearest)
        pairs = zip(table.columns, row, nearest, strict=True)
        changes = [f"{name}: expected {a!r}, found {b!r}" for name, a, b in pairs if not same(a, b)]
        keys = zip(table.key, key_of(row), strict=True)
        messages.append(f"row {', '.join(f'{n}={v!r}' for n, v in keys)}: {'; '.join(changes)}")
    for left in partners.values():
        messages.extend(f"unexpected row {_row_text(table, row)}" for row in left)
    return messages


def _row_text(table: Table, row: tuple[Any, ...]) -> str:
    pairs = zip(table.columns, row, strict=True)
    return ", ".join(f"{name}={value!r}" for name, value in pairs)
