"""Adding single records to bronze, from Python and from the command line.

Belongs here: resolving a call's parameters, and the wall clock, which is read nowhere below. Does
not belong here: how writers keep out of each other's way (`tasks/feed_appending.py`).

No Prefect flow on purpose: scripts add thousands of events a minute, each by a call of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from blocks.lake import Lake
from blocks.settings import load_settings
from tasks.contracts.errors import ConfigurationError, IngestError
from tasks.contracts.names import did_you_mean
from tasks.contracts.spec import Spec, Table
from tasks.feed_appending import append_records
from tasks.feed_lines import LineOrigin
from tasks.json_records import records_of
from tasks.landing import moment_text
from tasks.specs import load_spec

APPENDED = "appended"
EVENTS = "events"


def append(
    pipeline: str,
    records: str | Mapping[str, Any] | Iterable[Mapping[str, Any]],
    *,
    feed: str = EVENTS,
    landed_on: date | None = None,
    lake: Path | str | None = None,
    environment: str | None = None,
    source_file: str = APPENDED,
) -> int:
    """Add records to bronze of `pipeline`, and return how many; any number of writers may.

    Args:
        pipeline: Name of the pipeline (`coordination`).
        records: JSON text in any shape that files may have, one record, or several.
        feed: Name of the array that holds such records in files (`events`, `tasks`, `metrics`).
        landed_on: The partition; today (UTC) by default.
        lake: Root of the lake; the environment's by default.
        environment: Name of the environment; MEDALLION_ENV, else `local`.
        source_file: What the records say of where they come from.

    Raises:
        ConfigurationError: the call, specification or environment is wrong.
        IngestError: there is no record in the text.
    """
    now = datetime.now(UTC)
    table = _table_of(_spec(pipeline), feed)
    assert table.feed is not None
    places = _lake(environment, None if lake is None else str(lake))
    found = list(records_of([_text(records)], table.feed.envelope))
    if not found:
        raise IngestError("there is no record in what is to be added")
    origin = LineOrigin(source_file, landed_on or now.date(), table.feed.split_by)
    return append_records(
        places.bronze,
        places.bronze_prefix(pipeline),
        table,
        found,
        origin,
        moment=moment_text(now),
    )


@cache
def _spec(pipeline: str) -> Spec:
    """The specification, read once: it takes longer to read than a record to add."""
    return load_spec(pipeline)


@cache
def _lake(environment: str | None, lake: str | None) -> Lake:
    return load_settings(environment, lake_root=lake).lake()


def _table_of(spec: Spec, feed: str) -> Table:
    feeds = {table.feed.envelope: table for table in spec.tables if table.feed is not None}
    if not feeds:
        raise ConfigurationError(f"{spec.pipeline} has no feed of JSON records to add to")
    if feed not in feeds:
        raise ConfigurationError(f"no feed '{feed}'{did_you_mean(feed, feeds)}")
    return feeds[feed]


def _text(records: str | Mapping[str, Any] | Iterable[Mapping[str, Any]]) -> str:
    if isinstance(records, str):
        return records
    several = [records] if isinstance(records, Mapping) else records
    return "\n".join(json.dumps(dict(record), ensure_ascii=False) for record in several)
