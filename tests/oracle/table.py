"""The result type of the oracle: a named-column table of plain Python values.

Belongs here: `Table` and how one is built from row dicts. Does not: any rule of the contract.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True)
class Table:
    """Columns and rows in plain values: str, int, float, bool, Decimal, date, naive UTC datetime.

    `key` names the columns that tell rows apart in messages; it takes no part in equality of data.
    """

    columns: list[str]
    rows: list[tuple[Any, ...]]
    key: tuple[str, ...] = ()

    def dicts(self) -> list[Row]:
        """The rows as dicts from column name to value."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


def table_of(
    columns: Iterable[str], rows: Iterable[Mapping[str, Any]], key: Iterable[str] = ()
) -> Table:
    """A `Table` of exactly these columns; a row that lacks one raises KeyError."""
    names = list(columns)
    return Table(names, [tuple(row[name] for name in names) for row in rows], tuple(key))
