"""The loop of `medallion watch`: look, wait until a batch is due, have it processed, tell of it.

Belongs here: looking at the folder again and again, waiting, and what is said of each batch. Does
not belong here: when a batch is due (`tasks/arrivals.py`), what is done with one
(`flows/watch.py`), options and signals (`watching.py`).
"""

from __future__ import annotations

import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from cli.output import err_console, note, print_json
from cli.prefect_api import PrefectApi
from tasks.arrivals import Arrivals, Pace, pause_seconds
from tasks.contracts.errors import ConfigurationError
from tasks.drop_folder import list_folder
from tasks.reports.human_figures import quantity

if TYPE_CHECKING:
    from flows.watch import ProcessedBatch


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
    files = quantity(len(document["files"]), "file")
    parts = [f"{files}, {landed} landed ({quantity(document['rows'], 'row')})"]
    if refused:
        parts.append(f"{refused} refused")
    ends = {
        "published": f"release {document['release']} published",
        "unchanged": "readers see all of bronze",
    }
    parts.append(ends.get(document["status"], "nothing was published"))
    return f"batch {document['batch']}: {'; '.join(parts)} in {document['seconds']:.1f} s"
