"""Small hand-made event files for the clickstream oracle's own tests.

Belongs here: one valid line to be varied, a file of lines, and its tables. Does not: assertions.
"""

from datetime import date
from pathlib import Path

from .clickstream import clickstream_outputs
from .clickstream_bronze import parse_file
from .table import Row, Table

HEADER = (
    "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session"
)
DAY = date(2024, 3, 10)


def line(
    time: str = "2024-03-10 10:00:00 UTC",
    kind: str = "view",
    product: int | str = 1,
    user: int | str = 1,
    session: str = "s1",
    price: str = "10.00",
    code: str = "tools.drill",
    brand: str = "acme",
    category: str = "7",
) -> str:
    """One line of an event file."""
    return f"{time},{kind},{product},{category},{code},{brand},{price},{user},{session}"


def content(*lines: str, end: str = "\n", header: str = HEADER) -> bytes:
    """A file's bytes."""
    return "".join(f"{text}{end}" for text in (header, *lines)).encode()


def parsed(*lines: str) -> list[Row]:
    """The bronze rows of a file of these lines."""
    return parse_file("e.csv", content(*lines))


def outputs(folder: Path, *lines: str, run_date: date = DAY) -> dict[str, Table]:
    """The tables of one file of these lines."""
    (folder / "e.csv").write_bytes(content(*lines))
    return clickstream_outputs(folder, run_date)


def only(table: Table) -> Row:
    """The one row of a table."""
    (row,) = table.dicts()
    return row


def by(table: Table, column: str) -> dict[object, Row]:
    """The rows of a table by a column."""
    return {row[column]: row for row in table.dicts()}
