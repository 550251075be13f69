"""How commands show things: consoles, plain tables, rows of queries, JSON, CSV.

Belongs here: layout and encoding of any command's answer. Does not belong here: what is shown.
"""

from __future__ import annotations

import csv
import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tasks.reports.printable_text import printable

PLAIN_WIDTH = 100
_WIDEST_CELL = 40
_GAP = 2


def console() -> Console:
    """The console on standard output, for what a command was asked."""
    return Console(
        width=None if sys.stdout.isatty() else PLAIN_WIDTH,
        highlight=False,
        markup=False,
        emoji=False,
    )


def err_console() -> Console:
    """The console on standard error, for notes beside the answer and for progress.

    Unlike `console` it reads markup: values from data go there as `rich.text.Text`.
    """
    return Console(
        stderr=True,
        width=None if sys.stderr.isatty() else PLAIN_WIDTH,
        highlight=False,
        emoji=False,
    )


def note(text: str) -> None:
    """Say something beside the answer, on standard error, as it is written."""
    err_console().print(Text(text), soft_wrap=True)


def print_json(document: Any, *, indent: int | None = 2) -> None:
    """Write one JSON document to standard output.

    Dates and times are ISO 8601, decimals texts (no digit is lost), bytes hexadecimal, and
    numbers that JSON lacks the texts `nan`, `inf` and `-inf`.
    """
    sys.stdout.write(json.dumps(_plain(document), indent=indent, allow_nan=False) + "\n")


def plain_table(*columns: str, figures: Iterable[str] = (), wrapped: Iterable[str] = ()) -> Table:
    """A table without frame. `figures` stand at the right; only `wrapped` columns may be broken."""
    right, broken = set(figures), set(wrapped)
    table = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        collapse_padding=True,
        header_style="dim",
    )
    for column in columns:
        table.add_column(
            Text(column),
            justify="right" if column in right else "left",
            no_wrap=column not in broken,
            overflow="fold",
        )
    return table


def print_rows(columns: Mapping[str, str], rows: Sequence[Sequence[Any]]) -> None:
    """Print rows as a table, or one value a line where they are too wide for one."""
    cells = [[_cell(value) for value in row] for row in rows]
    out = console()
    widths = [
        min(_WIDEST_CELL, max([len(name), *(len(row[place]) for row in cells)]))
        for place, name in enumerate(columns)
    ]
    if sum(widths) + _GAP * (len(widths) - 1) > out.width:
        _print_records(out, list(columns), cells)
        return
    table = plain_table(*columns, figures=_numeric(columns), wrapped=columns)
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))
    out.print(table)


def write_csv(columns: Iterable[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write rows with a header to standard output; NULL is empty, a list or struct is JSON."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow(["" if value is None else _text(value) for value in row])


def _print_records(out: Console, names: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    for number, row in enumerate(cells, start=1):
        out.print(Text(f"row {number}", style="dim"))
        record = Table.grid(padding=(0, _GAP), pad_edge=False)
        record.add_column(no_wrap=True)
        record.add_column(overflow="fold")
        for name, cell in zip(names, row, strict=True):
            record.add_row(Text(f"  {name}"), Text(cell))
        out.print(record)


def _numeric(columns: Mapping[str, str]) -> list[str]:
    kinds = ("DECIMAL", "DOUBLE", "FLOAT", "HUGEINT", "UHUGEINT")
    return [
        name
        for name, kind in columns.items()
        if not kind.endswith("]") and (kind.endswith("INT") or kind.startswith((*kinds, "INTEGER")))
    ]


def _cell(value: Any) -> str:
    if value is None:
        return "NULL"
    return " ".join(printable(_text(value)).split("\n"))


def _text(value: Any) -> str:
    plain = _plain(value)
    if isinstance(plain, str):
        return plain
    return json.dumps(plain, ensure_ascii=False)


def _plain(value: Any) -> Any:
    """`value` in the types of JSON."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, str | bool | int | float):
        return value
    return _named(value)


def _named(value: Any) -> str:
    """The text of a value that JSON has no type for."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return value.hex() if isinstance(value, bytes) else str(value)
