"""Showing what is published in the Iceberg catalog, as Prefect tasks.

Belongs here: thin wrappers, and what a run does about a catalog that fails. Does not belong here:
what a sync does (`iceberg_sync.py`).
"""

from __future__ import annotations

import logging
import time
from importlib import import_module
from threading import Thread

from prefect import task
from prefect.cache_policies import NO_CACHE

from blocks.lake import Lake
from blocks.settings import Settings
from tasks.contracts.errors import MedallionError
from tasks.contracts.run_record import CatalogRecord
from tasks.iceberg_sync import Synced, sync
from tasks.run_state import RunState

log = logging.getLogger("medallion")


def load_catalog_client() -> None:
    """Load pyiceberg beside other work: it takes half a second, most of it at the run's end."""
    Thread(target=import_module, args=("blocks.iceberg.opening",), daemon=True).start()


@task(task_run_name="catalog", cache_policy=NO_CACHE, persist_result=False)
def show_in_catalog(state: RunState) -> None:
    """Show the release that a run has published; its record says whether that was possible."""
    run = state.run
    state.catalog = shown = followed(run.pipeline, run.lake, run.settings)
    if shown.release is not None:
        state.tell(f"catalog: release {shown.release} in {shown.seconds:.1f} s")


@task(task_run_name="catalog of {pipeline}", cache_policy=NO_CACHE, persist_result=False)
def follow_in_catalog(pipeline: str, lake: Lake, settings: Settings) -> CatalogRecord:
    """Show what was just published, if the catalog lets itself be had."""
    return followed(pipeline, lake, settings)


@task(task_run_name="catalog of {pipeline}", cache_policy=NO_CACHE, persist_result=False)
def bring_catalog_up(pipeline: str, lake: Lake, settings: Settings) -> Synced:
    """Bring the catalog to the pointer's release; raises as `sync`."""
    return sync(lake, settings, pipeline)


def followed(pipeline: str, lake: Lake, settings: Settings) -> CatalogRecord:
    """Sync, and say what came of it: what is published stays so, whatever the catalog does."""
    began = time.monotonic()
    try:
        return record_of(sync(lake, settings, pipeline))
    except (MedallionError, OSError) as error:
        problem = str(error)
        log.warning(f"the catalog does not show it yet: {problem}; `medallion sync {pipeline}`")
        return CatalogRecord(release=None, seconds=time.monotonic() - began, problem=problem)


def record_of(synced: Synced) -> CatalogRecord:
    """Return what a run's record says of a sync."""
    return CatalogRecord(
        release=synced.release,
        tables=synced.tables,
        changed=synced.changed,
        seconds=synced.seconds,
        left_out=dict(synced.left_out),
    )
