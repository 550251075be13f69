"""Releases made of frames: what tests of incremental runs compare with each other.

Belongs here: writing tables as runs lay them out, and a run that knows a release. Does not belong
here: rows, or expectations.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

from blocks.lake import local_lake
from blocks.settings import Settings
from tasks.contracts.release import PublishedTable, Release
from tasks.contracts.spec import Spec
from tasks.daily_files import write_days, write_no_rows, write_whole
from tasks.published_files import Root, describe_table
from tasks.run_base import Base
from tasks.run_context import RunContext

STARTED = datetime(2024, 2, 1, tzinfo=UTC)


def run_of(spec: Spec, lake: Path, run_id: str, run_date: date) -> RunContext:
    return RunContext(
        spec=spec,
        run_id=run_id,
        run_date=run_date,
        started_at=STARTED,
        settings=Settings(lake_root=lake),
        lake=local_lake(lake),
    )


def published(run: RunContext, name: str, rows: pl.LazyFrame, day: str | None) -> PublishedTable:
    """Write `rows` as table `layer.name` of `run`, a file a day if there is a `day` column."""
    layer, _, table = name.partition(".")
    folder = run.folder(layer, f"{layer}_{table}")
    if day is None:
        write_whole(rows, folder)
    else:
        write_days(rows, folder, day)
        if not any(folder.iterdir()):
            write_no_rows(rows, folder)
    root: Root = "gold" if layer == "gold" else "silver"
    prefix = run.prefix(f"{layer}_{table}")
    return describe_table(run.lake.store_of(layer), root, prefix, partition_column=day)


def base_of(run: RunContext, tables: Mapping[str, PublishedTable]) -> Base:
    """Return what a later run builds on: a release of what `run` made."""
    release = Release(
        pipeline=run.pipeline,
        release=1,
        previous=None,
        run_id=run.run_id,
        run_date=run.run_date,
        created_at=STARTED,
        spec_fingerprint="",
        tables=dict(tables),
    )
    return Base(release)
