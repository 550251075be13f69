"""Whether the entry `feed` of a table fits it.

Belongs here: checks across the entries of one table, each problem with its path. Does not belong
here: tables whose rows have columns of their own (`spec_checks.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tasks.contracts.json_feed import INGESTED_AT
from tasks.contracts.names import did_you_mean

if TYPE_CHECKING:
    from tasks.contracts.spec import Table


def feed_problems(path: str, table: Table) -> Iterator[str]:
    """Yield every problem of a table of JSON records."""
    assert table.feed is not None
    if table.derived is None:
        yield f"{path}.derived: records have no columns of their own; list those of silver"
    known = table.derived or {}
    for number, name in enumerate(table.key):
        if known and name not in known:
            yield f"{path}.key[{number}]: no column '{name}'{did_you_mean(name, known)}"
    if (table.partition.column, table.partition.kind) != (INGESTED_AT, "date"):
        yield f"{path}.partition: records lie by the day of landing; say ingested_at, kind date"
    for name in ("columns", "rules", "foreign_keys"):
        if getattr(table, name):
            yield f"{path}.{name}: the models of dbt judge records; leave {name} out"
    names = [table.name, table.quarantine_name]
    for number, beside in enumerate(table.feed.beside):
        if beside.name in names:
            yield f"{path}.feed.beside[{number}].name: '{beside.name}' is declared twice"
        names.append(beside.name)
    for number, entry in enumerate(table.feed.sources):
        if entry.constant is not None and table.feed.split_by is None:
            yield f"{path}.feed.sources[{number}].constant: there is no split_by to stand in for"
