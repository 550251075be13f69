"""What is known of a table's columns: which columns of other tables each is made of.

Belongs here: the model that SQL, transforms and specifications are all turned into. Does not belong
here: finding any of it, and the events that tell of it (`tasks/lineage_events.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

# How a column depends on another. UNTOLD: as a value or as part of a condition, nobody knows.
Kind = Literal["IDENTITY", "TRANSFORMATION", "AGGREGATION", "UNTOLD"]
Source = tuple[str, str]  # a published table, `layer.name`, and a column of it
ROWS = "*"  # stands for a column where the rows of a table are counted, whatever is in them
_ORDER: tuple[Kind, ...] = ("IDENTITY", "TRANSFORMATION", "AGGREGATION", "UNTOLD")


@dataclass(frozen=True)
class ColumnLineage:
    """{column: {source: how}}, and the sources that decide which rows there are.

    A column without any source is one that no table has: a constant, or a value of the run.
    """

    columns: Mapping[str, Mapping[Source, Kind]] = field(default_factory=dict)
    rows: frozenset[Source] = frozenset()

    @property
    def sources(self) -> frozenset[Source]:
        """All columns that any column or the rows depend on."""
        return self.rows.union(*self.columns.values())

    def renamed(self, names: Mapping[str, str]) -> ColumnLineage:
        """Return it with the tables that `names` has under their other names."""

        def called(source: Source) -> Source:
            return names.get(source[0], source[0]), source[1]

        columns = {
            column: {called(source): how for source, how in sources.items()}
            for column, sources in self.columns.items()
        }
        return ColumnLineage(columns, frozenset(called(source) for source in self.rows))

    def without_columns(self, names: Iterable[str]) -> ColumnLineage:
        """Return what of it leads to other columns than those named."""
        left_out = set(names)
        columns = {
            column: {source: how for source, how in sources.items() if source[1] not in left_out}
            for column, sources in self.columns.items()
        }
        return ColumnLineage(columns, frozenset(s for s in self.rows if s[1] not in left_out))

    def of_tables(self, tables: Iterable[str]) -> ColumnLineage:
        """Return what of it leads to `tables`."""
        known = set(tables)
        columns = {
            column: {source: how for source, how in sources.items() if source[0] in known}
            for column, sources in self.columns.items()
        }
        rows = frozenset(source for source in self.rows if source[0] in known)
        return ColumnLineage({c: sources for c, sources in columns.items() if sources}, rows)


def merged(found: Iterable[Mapping[Source, Kind]]) -> dict[Source, Kind]:
    """Return all sources; of two ways the one that changes more counts."""
    result: dict[Source, Kind] = {}
    for each in found:
        for source, how in each.items():
            result[source] = later(how, result.get(source, how))
    return result


def later(outer: Kind, inner: Kind) -> Kind:
    """Return the kind of one step after another: what was aggregated once is an aggregate."""
    return max(outer, inner, key=_ORDER.index)
