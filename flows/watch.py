"""The flow that processes files as they arrive: land a batch of them, run, publish once.

Belongs here: what one batch does, for the command that watches a folder and for the deployment
that an event triggers. Does not belong here: when a batch is due (`tasks/arrivals.py`), waiting
for one (`cli/watcher.py`), landing and the run itself (`flows/ingest.py`, `flows/run.py`).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from blocks.flow_settings import flow_settings
from flows.ingest import LandingFailedError, ingest
from flows.run import RunFailedError, RunOutcome, run_pipeline
from tasks.arrivals import Arrivals, Pace
from tasks.bronze_coverage import brings_rows, unpublished_tables
from tasks.contracts.errors import IngestError, PublishConflictError
from tasks.contracts.run_record import GateMode, RunRecord
from tasks.contracts.spec import Spec
from tasks.drop_folder import list_folder
from tasks.landing import LandedBatch
from tasks.run_names import run_name
from tasks.source_files import find_sources
from tasks.specs import load_spec

PUBLISH_ATTEMPTS = 3


@dataclass(frozen=True)
class ProcessedBatch:
    """What became of the files of a batch.

    `faults` says of each file that was refused what is wrong with it. Without `record` no run was
    needed: readers see all of bronze already.
    """

    run_date: date
    files: tuple[str, ...]
    landed: tuple[LandedBatch, ...] = ()
    faults: dict[str, str] = field(default_factory=dict)
    record: RunRecord | None = None


class BatchFailedError(Exception):
    """Files were refused or the run failed; carries what became of the batch."""

    def __init__(self, text: str, batch: ProcessedBatch) -> None:
        super().__init__(text)
        self.batch = batch


@task(name="list-arrivals", cache_policy=NO_CACHE, persist_result=False)
def settled_files(source: str, settle_seconds: float) -> list[str]:
    """Return the files that two looks at a folder, `settle_seconds` apart, show unchanged."""
    folder, pace = Path(source), Pace(settle_seconds=settle_seconds)
    first = Arrivals().observed(list_folder(folder), 0.0, pace)
    time.sleep(settle_seconds)
    return list(first.observed(list_folder(folder), settle_seconds, pace).waiting)


@flow(
    name="process-arrivals",
    flow_run_name=run_name("{pipeline} arrivals {run_date}"),
    persist_result=False,
)
def process_arrivals(
    pipeline: str,
    source: str,
    files: list[str] | None = None,
    run_date: date | None = None,
    settle_seconds: float = 5.0,
    lake: str | None = None,
    gates: GateMode | None = None,
    environment: str | None = None,
) -> ProcessedBatch:
    """Land files that have arrived, run the pipeline, and publish once, if readers lack anything.

    A batch that was landed before, by an attempt that died before it published, is published now;
    when readers see all of bronze already, nothing is.

    Args:
        pipeline: Name of the pipeline (`ecommerce`).
        source: The folder into which files are dropped, or one file.
        files: Paths relative to `source` of files that are whole; by default every file in it that
            stays unchanged for `settle_seconds`.
        run_date: The day to run for; the day (UTC) on which the flow runs by default.
        settle_seconds: How long a file must stay unchanged to count as whole.
        lake: Root folder of the lake; the environment's by default.
        gates: `warn` or `strict`; the environment's by default.
        environment: Name of the environment; MEDALLION_ENV, else `local`.

    Raises:
        ConfigurationError: the call, specification or environment is wrong; nothing was begun.
        BatchFailedError: files were refused (the others were processed), or the run failed.
    """
    settings = flow_settings(environment, lake_root=lake, gates=gates)
    spec = load_spec(pipeline)
    day = run_date or datetime.now(UTC).date()
    folder = Path(source)
    if files is None and folder.is_file():
        folder, files = folder.parent, [folder.name]
    if files is None:
        files = settled_files(source, settle_seconds)
    faults = refused_files(spec, folder, files)
    accepted = [name for name in files if name not in faults]
    batch = ProcessedBatch(day, tuple(files), faults=faults)
    batch = _landed(batch, pipeline, str(folder), accepted, lake, environment)
    if brings_rows(spec, batch.landed, day) or unpublished_tables(
        settings.lake(), spec, day, threads=settings.threads
    ):
        try:
            done = _run(pipeline, day, lake, gates, environment)
        except RunFailedError as error:
            failed = replace(batch, record=error.record)
            raise BatchFailedError(str(error), failed) from error.__cause__
        batch = replace(batch, record=done.record)
    if batch.faults:
        told = "\n  ".join(batch.faults.values())
        raise BatchFailedError(f"not landed: {told}", batch)
    return batch


def refused_files(spec: Spec, folder: Path, files: Sequence[str]) -> dict[str, str]:
    """Say of files that cannot be landed, whatever is in them, why: one must not stop the rest."""
    faults = {}
    for name in files:
        try:
            for found in find_sources(spec, folder, [name]):
                found.path.open("rb").close()
        except IngestError as error:
            faults[name] = str(error)
        except OSError as error:
            faults[name] = f"{name}: cannot be opened ({error.strerror}); touch it when it can be"
    return faults


def _landed(
    batch: ProcessedBatch,
    pipeline: str,
    folder: str,
    files: list[str],
    lake: str | None,
    environment: str | None,
) -> ProcessedBatch:
    """Land `files`, leaving out one after the other those that turn out to be at fault."""
    landed: dict[str, LandedBatch] = {}
    faults = dict(batch.faults)
    while files:
        try:
            report = ingest(
                pipeline,
                folder,
                landed_on=batch.run_date,
                lake=lake,
                environment=environment,
                files=files,
            )
        except IngestError as error:
            if error.faults.keys().isdisjoint(files):
                raise
            faults |= error.faults
            done = error.landed if isinstance(error, LandingFailedError) else ()
            landed |= {each.source_file: each for each in done}
            files = [name for name in files if name not in landed and name not in faults]
        else:
            landed |= {each.source_file: each for each in report.batches}
            break
    return replace(batch, landed=tuple(landed.values()), faults=faults)


def _run(
    pipeline: str,
    day: date,
    lake: str | None,
    gates: GateMode | None,
    environment: str | None,
) -> RunOutcome:
    """Run and publish; once more if somebody else has published meanwhile."""
    for attempt in range(1, PUBLISH_ATTEMPTS + 1):
        try:
            return run_pipeline(
                pipeline, run_date=day, lake=lake, gates=gates, environment=environment
            )
        except RunFailedError as error:
            conflict = isinstance(error.__cause__, PublishConflictError)
            if not conflict or attempt == PUBLISH_ATTEMPTS:
                raise
    raise AssertionError("unreachable")
