"""Finding a person in tables that hold no rows of their own: silver as views over bronze.

Belongs here: reading the views of releases, and counting the rows that tell of the person. Does not
belong here: files, which are all that an erasure changes (`subject_search.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from tasks.contracts.erasure import Place
from tasks.contracts.release import PublishedTable, Release
from tasks.mirror import Mirror
from tasks.published_views import files_behind, rows_sql
from tasks.subject_rows import without_person
from tasks.subject_search import Found, LakeFiles
from tasks.subjects import Subject

ROWS_A_PART = 100_000


@dataclass(frozen=True)
class FoundInView:
    """How many rows of the view `table` tell of the person, in release `release`."""

    table: str
    rows: int
    is_current: bool
    release: Release


def find_in_views(
    mirror: Mirror, listed: LakeFiles, found: Sequence[Found], subject: Subject
) -> list[FoundInView]:
    """Return the views that show the person, of every release: one that is unchanged counts once.

    Only views over files in which the person was `found` are read.
    """
    told = {(item.layer, item.key) for item in found}
    seen: set[tuple[str, frozenset[Place]]] = set()
    views = []
    for release in reversed(listed.releases):
        for name, table in release.tables.items():
            behind = files_behind(name, release.tables) if table.view else []
            files = frozenset((file.root, file.path) for file in behind)
            if (name, files) in seen or not told & files:
                continue
            seen.add((name, files))
            rows = sum(
                without_person(part, subject).rows for part in _parts(mirror, name, release.tables)
            )
            if rows:
                views.append(FoundInView(name, rows, release is listed.releases[-1], release))
    return views


def rows_of_views(
    mirror: Mirror, views: Sequence[FoundInView], subject: Subject
) -> Iterator[dict[str, Any]]:
    """Yield the rows of `views` that tell of the person, with the `_table` of each."""
    for view in views:
        for part in _parts(mirror, view.table, view.release.tables):
            for row in part.filter(without_person(part, subject).hits).to_pylist():
                yield {"_table": view.table, **row}


def _parts(mirror: Mirror, name: str, tables: dict[str, PublishedTable]) -> Iterator[pa.Table]:
    with duckdb.connect(config={"threads": 1}) as engine:
        engine.execute("set TimeZone = 'UTC'")
        reader = engine.sql(rows_sql(name, tables, mirror.paths)).to_arrow_reader(ROWS_A_PART)
        for batch in reader:
            yield pa.Table.from_batches([batch])
