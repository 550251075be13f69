"""Columns of silver that stay in the lake, and the masks that the warehouse gets in their place.

Belongs here: from a specification's `pii` to the columns of a table of the warehouse, and the query
for their rows. Does not belong here: the mask itself (`masking.py`), or loading
(`warehouse_load.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import duckdb

from tasks.contracts.pii import Pii
from tasks.contracts.spec import Spec
from tasks.landing_sql import identifier
from tasks.masking import gold_policies, key_fingerprint, masked

SUFFIX = "__masked"  # also in dbt/macros/masked_values.sql


@dataclass(frozen=True)
class Withheld:
    """What of each table stays in the lake, by the policies for gold of `pii`.

    Of a column that gold shows (`gold_columns`) what stands there is loaded as `<column>__masked`:
    masks, or NULL of one that is dropped. `key_name` tells their key from others; None: gold is
    computed in the lake, and needs none of it.
    """

    pii: tuple[Pii, ...] = ()
    tables: frozenset[str] = frozenset()  # those that pii speaks of one by one
    key_name: str | None = None

    def columns(self, table: str, columns: Mapping[str, str]) -> dict[str, str]:
        """Return the columns that `table` (`layer.name`) has in the warehouse; gold has all."""
        hidden, masks = self._hidden(table), self.masks(table)
        return {
            f"{name}{SUFFIX}" if name in masks else name: "VARCHAR" if name in masks else kind
            for name, kind in columns.items()
            if name in masks or name not in hidden
        }

    def masks(self, table: str) -> dict[str, Literal["mask", "drop"]]:
        """Return {column: policy} of the columns of `table` in whose place masks are loaded."""
        if self.key_name is None:
            return {}
        return {
            entry.column: "drop" if entry.gold_policy == "drop" else "mask"
            for entry in self._entries(table)
            if entry.gold_columns
        }

    def note(self, table: str) -> str:
        """Return what tells masks of another key: tables with these are made anew."""
        return f"masked by {self.key_name}" if self.key_name and self.masks(table) else ""

    def _hidden(self, table: str) -> set[str]:
        return {name for e in self._entries(table) for name in (e.column, *e.gold_columns)}

    def _entries(self, table: str) -> list[Pii]:
        """Entries that tell of `table`: by its name, or of one that is made of others, all.

        What silver has masked already is loaded as it is, and gold shows it so.
        """
        layer, _, name = table.partition(".")
        if layer == "gold":
            return []
        known = layer == "silver" and name in self.tables
        return [
            entry
            for entry in self.pii
            if entry.gold_policy != "keep"
            and not (entry.gold_policy == entry.silver_policy == "mask")
            and (not known or entry.table == name)
        ]


def withheld_columns(spec: Spec, *, masks: bool, key: bytes | None) -> Withheld:
    """Return what of a pipeline's tables stays in the lake; `masks`: the warehouse gets masks."""
    name = (key_fingerprint(key) if key is not None else "") if masks else None
    policies = gold_policies(spec)  # as dbt is told them
    entries = tuple(entry for entry in spec.pii if entry.column in policies)
    return Withheld(entries, frozenset(table.name for table in spec.tables), name)


def with_masks(
    connection: duckdb.DuckDBPyConnection,
    rows: str,
    masks: Mapping[str, Literal["mask", "drop"]],
    key: bytes | None,
) -> str:
    """Return the query for `rows` with the masked columns beside the clear ones.

    The key stays in this process. Texts of values are DuckDB's, as they are where it makes gold.
    """
    if not masks:
        return rows
    shown = dict.fromkeys(masks, "cast(null as varchar)")
    if "mask" in masks.values():
        assert key is not None, "a pipeline that masks columns was opened without its key"
        held = key
        connection.create_function("masked", lambda v: masked(v, held), ["VARCHAR"], "VARCHAR")
        for name in (name for name, policy in masks.items() if policy == "mask"):
            shown[name] = f"masked(cast({identifier(name)} as varchar))"
    more = (f"{sql} as {identifier(name + SUFFIX)}" for name, sql in shown.items())
    return f"select *, {', '.join(more)} from ({rows}) as clear"  # noqa: S608 - our own names
