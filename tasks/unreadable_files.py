"""Finding out which bronze file broke a build.

Belongs here: reading files whole, after an engine has failed on one of them. Does not belong
here: what is checked before a build (`bronze_inventory.py`); reading every row twice would cost too
much there.
"""

from __future__ import annotations

from collections.abc import Iterable

import duckdb

from tasks.bronze_inventory import BronzeTable


def unreadable_files(tables: Iterable[BronzeTable]) -> list[str]:
    """Return a line for each file of `tables` with rows that cannot be decoded, naming it."""
    lines = []
    with duckdb.connect() as connection:
        for table in tables:
            for file in table.files:
                try:
                    connection.execute(
                        "select sum(hash(r)) from read_parquet($file, hive_partitioning = false) r",
                        {"file": file.path},
                    ).fetchall()
                except duckdb.Error as error:
                    reason = str(error).splitlines()[0][:200]
                    lines.append(
                        f"{table.name}: {file.url} has rows that cannot be read ({reason}); "
                        "land it again"
                    )
    return lines
