"""The steps that write the documents of a release, as Prefect tasks.

Belongs here: thin wrappers for runs, rollbacks and loads. Does not belong here: what is written
(`document_files.py`).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from blocks.lake import Lake
from blocks.settings import Settings
from tasks.contracts.errors import MedallionError
from tasks.contracts.release import Release
from tasks.document_files import follow_release
from tasks.fleet_documents import TABLES
from tasks.releases import read_release
from tasks.warehouse_gold import fetch_gold
from tasks.warehouse_load import WarehouseLoad

log = logging.getLogger("medallion")


@task(name="documents", task_run_name="documents", cache_policy=NO_CACHE, persist_result=False)
def write_documents(pipeline: str, lake: Lake, settings: Settings) -> list[str]:
    """Write the documents of the current release that differ from those that are there.

    What is published stays so, whatever hinders this; the next run makes it good. Where the
    warehouse computes gold, its documents are written of that instead, once it is there.
    """
    try:
        release = read_release(lake, pipeline)
        if release.warehouse_gold is not None:
            return []
        return _follow(lake, release, settings)
    except (MedallionError, OSError) as error:
        _warn(error)
        return []


@task(name="documents", task_run_name="documents", cache_policy=NO_CACHE, persist_result=False)
def write_documents_of_warehouse(load: WarehouseLoad, settings: Settings) -> list[str]:
    """Write those documents of the gold that a load has left in the warehouse."""
    assert load.release is not None
    try:
        return _follow(load.lake, load.release, settings, fetch_gold(load, TABLES))
    except (MedallionError, OSError) as error:
        _warn(error)
        return []


def _follow(
    lake: Lake, release: Release, settings: Settings, gold: Mapping[str, Path] | None = None
) -> list[str]:
    return follow_release(
        lake,
        release,
        gold=gold or {},
        threads=settings.threads,
        memory_limit=settings.memory_limit,
    )


def _warn(error: Exception) -> None:
    log.warning(f"the documents are not those of the release: {error}; run again")
