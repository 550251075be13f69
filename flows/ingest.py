"""The flow that lands source files in bronze.

Belongs here: composing the tasks, and the wall clock, which is read nowhere below. Does not belong
here: how a file is found, checked and landed (`tasks/source_files.py`, `tasks/landing.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.futures import wait
from prefect.runtime import flow_run
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.utilities.annotations import quote
from pydantic import SecretStr

from blocks.lake import Lake
from blocks.masking import mask_key
from blocks.settings import Settings
from blocks.store import Store
from tasks.assets import landed_assets, tell_of
from tasks.contracts.errors import IngestError
from tasks.contracts.spec import Spec
from tasks.fetched_sources import source_on_disk
from tasks.landing import LandedBatch, LandingReport, land_file, landed_text
from tasks.landing_checks import CheckedSource, check_sources
from tasks.landing_rows import EngineLimits, Hiding
from tasks.masking import hidden_by, masks_in_bronze
from tasks.pipeline_opening import open_pipeline
from tasks.retrying import patient
from tasks.run_artifacts import show_landed
from tasks.run_names import run_name
from tasks.source_files import find_sources


@task(name="check-sources", cache_policy=NO_CACHE, persist_result=False)
def check(
    store: Store, prefix: str, spec: Spec, source: str, files: list[str] | None
) -> list[CheckedSource]:
    """Find the source files and compare their columns with the specification."""
    return check_sources(store, prefix, spec, find_sources(spec, Path(source), files))


@task(
    name="land-files",
    task_run_name="land {table}",
    cache_policy=NO_CACHE,
    persist_result=False,
)
def land_files(table: str, order: Landing) -> tuple[list[LandedBatch], dict[str, IngestError]]:
    """Land the checked source files of one table; a file at fault does not keep others back.

    A retry lands what is missing: a file that was landed before changes nothing.
    """
    batches, faults = [], {}
    for checked in order.files[table]:
        try:
            batch = land_file(
                order.store,
                order.prefix,
                order.spec.table(table),
                checked,
                landed_on=order.landed_on,
                landed_at=order.landed_at,
                limits=order.limits,
                hiding=Hiding(hidden_by(order.spec, table, "bronze"), order.key),
            )
        except IngestError as fault:
            faults[checked.source.name] = fault
        else:
            batches.append(batch)
    return batches, faults


@dataclass(frozen=True)
class Landing:
    """What is landed where. It is handed over quoted: Prefect would walk through every part."""

    files: dict[str, list[CheckedSource]]
    store: Store
    prefix: str
    spec: Spec
    landed_on: date
    landed_at: datetime
    limits: EngineLimits
    key: SecretStr | None = None


class LandingFailedError(IngestError):
    """Some files are at fault; `landed` says what became of the others."""

    def __init__(
        self, text: str, faults: Mapping[str, str], landed: Sequence[LandedBatch] = ()
    ) -> None:
        super().__init__(text, faults)
        self.landed = tuple(landed)


# Two at a time: each uses all threads of the engine, and waits for the disk in between.
@flow(
    name="ingest",
    flow_run_name=run_name("{pipeline} ingest of {source}"),
    task_runner=ThreadPoolTaskRunner(max_workers=2),  # type: ignore[arg-type]
    persist_result=False,
)
def ingest(
    pipeline: str,
    source: str,
    landed_on: date | None = None,
    lake: str | None = None,
    environment: str | None = None,
    files: list[str] | None = None,
) -> LandingReport:
    """Land the files at or below `source` in bronze of `pipeline`.

    Args:
        pipeline: Name of the pipeline (`ecommerce`).
        source: A file, or a folder of files, as the worker sees it, or the URL of one in a bucket.
        landed_on: The partition of rows whose files do not say theirs; the day of the run by
            default.
        lake: Root folder of the lake; the environment's by default.
        environment: Name of the environment; MEDALLION_ENV, else `local`.
        files: Paths relative to the folder `source`, to land no others.

    Raises:
        ConfigurationError: the call, specification or environment is wrong; nothing was landed.
        IngestError: a file is at fault; files that are not at fault are landed nevertheless.
    """
    opened = open_pipeline(pipeline, environment, lake)
    spec, settings, places = opened.spec, opened.settings, opened.lake
    with source_on_disk(source, places, settings.store_at, files) as found:
        return _land_all(spec, settings, places, str(found), landed_on, files)


def _land_all(
    spec: Spec,
    settings: Settings,
    places: Lake,
    source: str,
    landed_on: date | None,
    files: list[str] | None,
) -> LandingReport:
    prefix = places.bronze_prefix(spec.pipeline)
    landed_at = _started_at()
    checked = check(places.bronze, prefix, spec, source, files)
    by_table: dict[str, list[CheckedSource]] = {}
    for item in checked:
        by_table.setdefault(item.source.table, []).append(item)
    order = Landing(
        by_table,
        places.bronze,
        prefix,
        spec,
        landed_on or landed_at.date(),
        landed_at,
        EngineLimits(settings.threads, settings.memory_limit),
        mask_key(settings).key if masks_in_bronze(spec) else None,
    )
    land = patient(land_files, settings)
    futures = [land.submit(table, quote(order), return_state=False) for table in by_table]
    wait(futures)
    results = [future.result() for future in futures]
    batches = tuple(batch for landed, _ in results for batch in landed)
    faults = {name: fault for _, found in results for name, fault in found.items()}
    tell_of(landed_assets(spec, settings.environment, batches))
    show_landed(spec.pipeline, batches, faults)
    for fault in faults.values():
        text = f"{fault} ({landed_text(len(batches), len(checked))})"
        told = {name: str(each) for name, each in faults.items()}
        raise LandingFailedError(text, told, batches) from fault
    return LandingReport(batches)


def _started_at() -> datetime:
    """When the run was to start: a retry of the flow lands under the same time."""
    scheduled = flow_run.get_scheduled_start_time()
    return datetime.fromtimestamp(scheduled.timestamp(), UTC).replace(microsecond=0)
