"""Tables of a warehouse, what has been loaded into it, and the types that BigQuery has for ours.

Belongs here: frozen values, the mapping of types, and reading the history of loads. Does not belong
here: which partitions a release changes (`tasks/warehouse_plan.py`), or a warehouse's protocol
(`blocks/warehouses`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from tasks.contracts.nested_kinds import list_item, struct_members

Grain = Literal["DAY", "MONTH"]
Event = Literal["begun", "loaded", "gold"]

LONGEST_LOAD = timedelta(days=1)
_DECIMAL = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")
_TYPES = {
    "VARCHAR": "STRING",
    "BIGINT": "INT64",
    "INTEGER": "INT64",
    "DOUBLE": "FLOAT64",
    "BOOLEAN": "BOOL",
    "DATE": "DATE",
    "TIMESTAMP": "TIMESTAMP",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMP",
}
# NUMERIC has 9 digits behind the point and 29 before it, BIGNUMERIC 38 and 38.
_NUMERIC_SCALE, _NUMERIC_DIGITS, _BIG_SCALE, _BIG_DIGITS = 9, 29, 38, 38


@dataclass(frozen=True)
class WarehouseTable:
    """A table of the warehouse. `columns` are names and DuckDB types, in order.

    `note` is kept with the table; one with another note has other rows.
    """

    layer: str
    name: str
    columns: Mapping[str, str]
    partition_column: str | None = None
    grain: Grain | None = None
    note: str = ""

    @property
    def label(self) -> str:
        """The name that people know it by: `enriched.sales_velocity`."""
        return f"{self.layer}.{self.name}"

    @property
    def types(self) -> dict[str, str]:
        """Names and BigQuery types, in order; raises ValueError naming the column."""
        return {name: bigquery_type(kind, name) for name, kind in self.columns.items()}


@dataclass(frozen=True)
class LoadEvent:
    """A row of `_releases`: a load of a release has begun, or ended, or gold was built of it.

    `at` is the warehouse's own time, in UTC; `load` tells loads of one release apart.
    """

    load: str
    release: int
    run_id: str
    event: Event
    at: datetime


@dataclass(frozen=True)
class Standing:
    """What a warehouse holds: `loaded`, but for what loads of `suspects` may have written over it.

    Those of `rivals` surely were under way beside it; others of `suspects` had begun before it and
    never ended. `gold` is the release that gold was built of in the warehouse.
    """

    loaded: int | None = None
    suspects: frozenset[int] = frozenset()
    rivals: frozenset[int] = frozenset()
    gold: int | None = None

    def shows(self, release: int) -> bool:
        """Tell whether every table that is loaded is the one of `release`.

        A load that was killed counts no more once a later one has ended, which has replaced what it
        left; should it live after all, it loads again when it finds the later one.
        """
        return self.loaded == release and not self.rivals - {release}


@dataclass(frozen=True)
class DbtTarget:
    """Where dbt builds gold in a warehouse.

    `connection` is the target of a profile, which names variables of the process for `secrets`;
    `datasets` are {layer: dataset}.
    """

    connection: Mapping[str, object]
    datasets: Mapping[str, str]
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass
class _Load:
    release: int
    began: datetime
    ended: datetime | None = None


def standing_of(events: Iterable[LoadEvent]) -> Standing:
    """Read what stands in a warehouse from the history of loads, in whatever order it comes.

    A load that was under way beside the last one that ended may have written after it; so may one
    that began before and never ended, unless that is longer ago than any load takes.
    """
    loads: dict[str, _Load] = {}
    gold: tuple[datetime, int] | None = None
    for event in sorted(events, key=lambda each: (each.at, _ORDER[each.event])):
        if event.event == "begun":
            loads[event.load] = _Load(event.release, event.at)
        elif event.event == "gold":
            gold = (event.at, event.release)
        elif event.load in loads:
            loads[event.load].ended = event.at
    done = [load for load in loads.values() if load.ended is not None]
    last = max(done, key=lambda load: load.ended or load.began, default=None)
    if last is None:
        begun = frozenset(load.release for load in loads.values())
        return Standing(None, begun, begun)
    others = [load for load in loads.values() if load is not last]
    rivals = frozenset(load.release for load in others if _was_beside(load, last))
    lost = frozenset(load.release for load in others if _may_live(load, last))
    built = gold[1] if gold is not None and gold[0] >= last.began else None
    return Standing(last.release, rivals | lost, rivals, built)


def bigquery_type(kind: str, column: str = "") -> str:
    """Return BigQuery's type for a DuckDB one; money is exact: `NUMERIC(18, 2)`.

    Raises ValueError naming the column where there is none, as for a list of lists.
    """
    item, members = list_item(kind), struct_members(kind)
    if item is not None and list_item(item) is None:
        return f"ARRAY<{bigquery_type(item, column)}>"
    if members is not None:
        of = (f"{name} {bigquery_type(each, column)}" for name, each in members.items())
        return f"STRUCT<{', '.join(of)}>"
    decimal = _DECIMAL.fullmatch(kind)
    if decimal is not None:
        digits, scale = int(decimal[1]), int(decimal[2])
        if scale <= _NUMERIC_SCALE and digits - scale <= _NUMERIC_DIGITS:
            return f"NUMERIC({digits}, {scale})"
        if scale <= _BIG_SCALE and digits - scale <= _BIG_DIGITS:
            return f"BIGNUMERIC({digits}, {scale})"
    elif kind in _TYPES:
        return _TYPES[kind]
    raise ValueError(f"column {column} is {kind}, for which the warehouse has no type")


_ORDER: dict[Event, int] = {"begun": 0, "loaded": 1, "gold": 2}


def _was_beside(load: _Load, last: _Load) -> bool:
    return load.began >= last.began or (load.ended is not None and load.ended > last.began)


def _may_live(load: _Load, last: _Load) -> bool:
    return load.ended is None and last.began - load.began < LONGEST_LOAD
