"""The command that processes files as they arrive in a folder: watch.

Belongs here: looking at the folder again and again, waiting, signals, and telling of each batch.
Does not belong here: when a batch is due (`tasks/arrivals.py`), or what is done with one
(`flows/watch.py`).
"""

from __future__ import annotations

import contextlib
import contextvars
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from cli.flow_calls import absolute_text, check_call, load_transforms, log_file, warm_dbt_up
from cli.options import Env, Gates, LakeRoot, Pipeline, RunDate
from cli.output import err_console, note, print_json
from cli.prefect_api import PrefectApi
from cli.progress import log_to
from tasks.arrivals import Arrivals, Pace, pause_seconds
from tasks.contracts.errors import ConfigurationError
from tasks.drop_folder import list_folder
from tasks.quick_imports import no_garbage

if TYPE_CHECKING:
    from flows.watch import ProcessedBatch

_DEFAULT = Pace()
INTERRUPTED = 130


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(watch)


def watch(
    pipeline: Pipeline,
    source: Annotated[Path, typer.Option(help="The folder into which files are dropped.")],
    run_date: RunDate = None,
    once: Annotated[
        bool, typer.Option("--once", help="Process what is there, then end; 1 if any of it failed.")
    ] = False,
    poll_seconds: Annotated[
        float, typer.Option(min=0.05, help="Time between two looks at the folder.")
    ] = 2.0,
    settle_seconds: Annotated[
        float, typer.Option(min=0, help="A file unchanged for so long is whole.")
    ] = _DEFAULT.settle_seconds,
    debounce_seconds: Annotated[
        float, typer.Option(min=0, help="A batch begins when no further file came for so long ...")
    ] = _DEFAULT.debounce_seconds,
    max_wait_seconds: Annotated[
        float, typer.Option(min=0, help="... or when one has waited for so long ...")
    ] = _DEFAULT.max_wait_seconds,
    max_batch_files: Annotated[
        int, typer.Option(min=1, max=2000, help="... or when so many wait.")
    ] = _DEFAULT.max_batch_files,
    lake: LakeRoot = None,
    gates: Gates = None,
    env: Env = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document a line on stdout for each batch.")
    ] = False,
) -> None:
    """Process files as they arrive in a folder: land, run and publish once a batch.

    [dim]medallion watch ecommerce --source inbox/[/dim]
    """
    check_call(pipeline, env, lake, gates, source, None)
    if not source.is_dir():
        raise ConfigurationError(
            f"--source {source}: is no folder; `medallion ingest` lands a file"
        )
    parameters: dict[str, Any] = {
        "pipeline": pipeline,
        "source": str(source.absolute()),
        "run_date": run_date.date() if run_date else None,
        "lake": absolute_text(lake),
        "gates": gates,
        "environment": env,
    }
    pace = Pace(settle_seconds, debounce_seconds, max_wait_seconds, max_batch_files)
    api = PrefectApi()
    api.start()
    warm_dbt_up(pipeline, env, lake)
    watcher = Watcher(api, parameters, pace, poll_seconds, as_json)

    def work() -> None:
        with no_garbage():
            import flows.watch  # noqa: F401, PLC0415 - while the API starts

            load_transforms(pipeline)
        log_to(err_console(), log_file(env, lake, pipeline))
        watcher.once() if once else watcher.forever()

    try:
        with _ending_on_signals(watcher.stop, api):
            _in_thread(work)
    finally:
        api.stop()
    if once and watcher.failed:
        raise typer.Exit(1)


class Watcher:
    """The loop over a folder; what it knows of the files is in `arrivals`."""

    def __init__(
        self,
        api: PrefectApi,
        parameters: dict[str, Any],
        pace: Pace,
        poll_seconds: float,
        as_json: bool,
    ) -> None:
        self.stop = threading.Event()
        self.failed = False
        self._api = api
        self._parameters = parameters
        self._folder = Path(parameters["source"])
        self._pace = pace
        self._poll_seconds = poll_seconds
        self._as_json = as_json
        self._arrivals = Arrivals()
        self._batches = 0
        self._failures = 0
        self._resting_until = 0.0
        self._landing_works = True
        # An earlier watch may have died between landing and publishing.
        self._run_owed = True

    def once(self) -> None:
        """Process the files that are there, batch by batch, and what was left unpublished."""
        self._look()
        self.stop.wait(self._pace.settle_seconds)
        self._look()
        for name in self._arrivals.unsettled:
            note(f"{name}: is still changing; left for the next time")
        size = self._pace.max_batch_files
        waiting = self._arrivals.waiting
        for start in range(0, len(waiting) or 1, size):
            if self.stop.is_set():
                return
            self._process(waiting[start : start + size])

    def forever(self) -> None:
        """Process files as they arrive, until told to stop."""
        note(f"watching {self._folder}; Ctrl-C ends it after the batch in work")
        while not self.stop.is_set():
            self._look()
            now = time.monotonic()
            rested = now >= self._resting_until
            # New files may put right what made a run fail; a landing that failed has to rest.
            batch = self._arrivals.due(now, self._pace) if rested or self._landing_works else ()
            if batch or (rested and self._run_owed):
                self._process(batch)
            else:
                self.stop.wait(self._poll_seconds)

    def _look(self) -> None:
        try:
            listing = list_folder(self._folder)
        except OSError as error:
            # A share that is away for a while: what is known of its files stays known.
            note(f"{self._folder} cannot be listed ({error.strerror}); trying again")
            self.failed = True
            return
        self._arrivals = self._arrivals.observed(listing, time.monotonic(), self._pace)

    def _process(self, files: tuple[str, ...]) -> None:
        """Process one batch; whatever goes wrong with it is told, and the watch goes on."""
        from flows.watch import BatchFailedError, process_arrivals  # noqa: PLC0415

        began, at = time.monotonic(), datetime.now(UTC)
        batch: ProcessedBatch | None = None
        error: Exception | None = None
        try:
            self._api.start()
            with self._api.ready(stop=False):
                try:
                    batch = process_arrivals(files=list(files), **self._parameters)
                except BatchFailedError as failure:
                    batch, error = failure.batch, failure
                except Exception as failure:
                    error = failure
        except ConfigurationError as failure:
            error = failure
        self._remember(files, batch, error)
        if not files and error is None and (batch is None or batch.record is None):
            return
        self._batches += 1
        self._tell(_document(self._batches, at, time.monotonic() - began, files, batch, error))

    def _remember(
        self, files: tuple[str, ...], batch: ProcessedBatch | None, error: Exception | None
    ) -> None:
        self._landing_works = batch is not None
        if batch is not None:
            self._arrivals = self._arrivals.processed(files, batch.faults)
        # Refused files wait for a change; a failed run is owed, and tried again after a pause.
        ran = batch is not None and (batch.record is None or batch.record.error is None)
        self._run_owed = not ran
        self._failures = 0 if ran else self._failures + 1
        self._resting_until = 0.0 if ran else time.monotonic() + pause_seconds(self._failures)
        self.failed |= error is not None

    def _tell(self, document: dict[str, Any]) -> None:
        failed = document["error"] is not None
        err_console().print(Text(_summary(document)), style="yellow" if failed else "bold")
        if failed:
            note(f"error: {document['error']}")
        others = [name for name in self._arrivals.faults if name not in document["refused"]]
        if others:
            note(f"still refused, until they change: {', '.join(others)}")
        if self._run_owed and not self.stop.is_set():
            note(f"trying again in {pause_seconds(self._failures):.0f} s")
        if self._as_json:
            told = {"pipeline": self._parameters["pipeline"], **document, "still_refused": others}
            print_json(told, indent=None)
            sys.stdout.flush()


def _document(
    number: int,
    at: datetime,
    seconds: float,
    files: tuple[str, ...],
    batch: ProcessedBatch | None,
    error: Exception | None,
) -> dict[str, Any]:
    """Return what `--json` says of a batch."""
    record = batch.record if batch else None
    landed = [each for each in batch.landed if not each.already_landed] if batch else []
    return {
        "batch": number,
        "at": at,
        "seconds": round(seconds, 3),
        "run_date": batch.run_date if batch else None,
        "status": record.status if record else "failed" if batch is None else "unchanged",
        "run_id": record.run_id if record else None,
        "release": record.release if record else None,
        "files": list(files),
        "landed": {each.source_file: each.rows for each in landed},
        "rows": sum(each.rows for each in landed),
        "refused": batch.faults if batch else {},
        "error": None if error is None else str(error) or type(error).__name__,
    }


def _summary(document: dict[str, Any]) -> str:
    landed, refused = len(document["landed"]), len(document["refused"])
    parts = [f"{len(document['files'])} files, {landed} landed ({document['rows']:,} rows)"]
    if refused:
        parts.append(f"{refused} refused")
    ends = {
        "published": f"release {document['release']} published",
        "unchanged": "readers see all of bronze",
    }
    parts.append(ends.get(document["status"], "nothing was published"))
    return f"batch {document['batch']}: {'; '.join(parts)} in {document['seconds']:.1f} s"


def _in_thread(work: Callable[[], None]) -> None:
    """Run `work` beside the main thread, in which Prefect would let SIGTERM break off a flow."""
    raised: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as error:
            raised.append(error)

    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(guarded,), daemon=True, name="watch")
    thread.start()
    while thread.is_alive():
        thread.join(timeout=0.5)
    if raised:
        raise raised[0]


@contextlib.contextmanager
def _ending_on_signals(stop: threading.Event, api: PrefectApi) -> Iterator[None]:
    """Let SIGINT and SIGTERM set `stop`; a second one ends the process at once."""

    def on_signal(*_: object) -> None:
        if stop.is_set():
            api.stop()
            os._exit(INTERRUPTED)
        stop.set()
        note("ending after the batch in work; once more ends at once, and nothing is lost")

    before = {each: signal.signal(each, on_signal) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
