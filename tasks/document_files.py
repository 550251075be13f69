"""Documents that follow a release, as files beside it: written where they differ, and once.

Belongs here: which documents changed, and writing them. Does not belong here: what is in them
(`fleet_documents.py`, `reports/fleet_page.py`).

A crash between a publish and its documents is made good by the next run: what has been written is
listed in an index, which is written last.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from pathlib import Path
from types import MappingProxyType

import duckdb

from blocks.lake import Lake
from tasks.contracts.errors import ConfigurationError
from tasks.contracts.release import Release
from tasks.fleet_documents import (
    CURRENT_TASKS,
    TABLES,
    FleetDocument,
    daily_document,
    fleet_documents,
)
from tasks.release_views import release_views

INDEX = "_index.json"


def documents_prefix(pipeline: str) -> str:
    """Return where in the store of gold the documents lie."""
    return f"{pipeline}/documents/"


def follow_release(
    lake: Lake,
    release: Release,
    *,
    gold: Mapping[str, Path] = MappingProxyType({}),
    threads: int = 2,
    memory_limit: str = "1500MB",
) -> list[str]:
    """Write the documents of a release that differ from those that are there; return their URLs.

    `gold` are its tables (`TABLES`) in Parquet files, where the lake has none.
    Raises ReleaseError when a file of the release cannot be read.
    """
    tables = {*TABLES, CURRENT_TASKS}
    with release_views(
        lake, release, tables=tables, beside=gold, threads=threads, memory_limit=memory_limit
    ) as engine:
        page = [page_of_day(engine, release.run_date)]
        documents = itertools.chain(fleet_documents(engine), page)
        return write_documents(lake, release.pipeline, documents)


def page_of_day(engine: duckdb.DuckDBPyConnection, day: date) -> FleetDocument:
    """Return the HTML page of a day that the release has; `engine` has its tables as views."""
    from tasks.reports.fleet_page import (  # noqa: PLC0415 - templates take a while
        TREND_DAYS,
        DayRate,
        fleet_page,
    )

    document = daily_document(engine, day)
    if document is None:
        raise ConfigurationError(f"the release has no day {day}")
    rates = engine.execute(
        "select date, total_tasks, completion_rate from gold.daily_analytics "
        "where date <= ? and date > ? order by date",
        [day, day - timedelta(days=TREND_DAYS)],
    ).fetchall()
    page = fleet_page(json.loads(document.text), [DayRate(*rate) for rate in rates])
    return FleetDocument(f"pages/fleet-{day:%Y%m%d}.html", page)


def write_documents(lake: Lake, pipeline: str, documents: Iterable[FleetDocument]) -> list[str]:
    """Write those of `documents` that differ from what the index says; return their URLs."""
    prefix, store = documents_prefix(pipeline), lake.gold
    known = _index(lake, pipeline)
    written = []
    for document in documents:
        content = document.text.rstrip("\n").encode() + b"\n"
        digest = hashlib.sha256(content).hexdigest()
        if known.get(document.name) == digest:
            continue
        store.write(f"{prefix}{document.name}", content)
        known[document.name] = digest
        written.append(store.url(f"{prefix}{document.name}"))
    if written:
        store.write(f"{prefix}{INDEX}", json.dumps(known, indent=0, sort_keys=True).encode())
    return written


def _index(lake: Lake, pipeline: str) -> dict[str, str]:
    """Return {name: sha256} of what was written; what cannot be read is written anew."""
    try:
        found = json.loads(lake.gold.read(f"{documents_prefix(pipeline)}{INDEX}"))
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
