"""Which bronze files of tasks there are, without verifying any of them.

Belongs here: what `medallion daily` reads: batches, and records that were only just added. Does not
belong here: the inventory of a run, which verifies everything (`bronze_inventory.py`). Nothing that
takes long to import is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import date

from blocks.lake import Lake
from tasks.contracts.spec import Table
from tasks.specs import load_spec

FEED = "tasks"


@contextlib.contextmanager
def task_files(lake: Lake, pipeline: str, run_date: date) -> Iterator[tuple[Table, list[str]]]:
    """Give the table of tasks, and the paths of the files that a run of `run_date` would see."""
    spec = load_spec(pipeline)
    table = next(t for t in spec.tables if t.feed is not None and t.feed.envelope == FEED)
    prefix = f"{lake.bronze_prefix(pipeline)}{table.bronze_name}/"
    keys = [
        entry.key
        for entry in lake.bronze.entries(prefix)
        if entry.bytes and entry.key.endswith(".jsonl") and _landed(entry.key) <= run_date
    ]
    local = [lake.bronze.local_path(key) for key in keys]
    paths = [str(path) for path in local if path is not None]
    if len(paths) == len(keys):
        yield table, paths
        return
    from tasks.mirror import passing_mirror  # noqa: PLC0415

    with passing_mirror(lake) as mirror:
        mirror.bring("bronze", keys)
        yield table, [mirror.path("bronze", key) for key in keys]


def _landed(key: str) -> date:
    try:
        return date.fromisoformat(key.rpartition("/")[0].rpartition("=")[2])
    except ValueError:
        return date.min
