"""The command that processes files as they arrive in a folder: watch.

Belongs here: its options, its thread, and how signals end it. Does not belong here: the loop over
the folder (`watcher.py`).
"""

from __future__ import annotations

import contextlib
import contextvars
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.flow_calls import absolute_text, check_call, load_transforms, log_file, warm_dbt_up
from cli.options import Env, Gates, LakeRoot, Pipeline, RunDate
from cli.output import err_console, note
from cli.prefect_api import PrefectApi
from cli.progress import log_to
from cli.watcher import Watcher
from tasks.arrivals import Pace
from tasks.contracts.errors import ConfigurationError
from tasks.quick_imports import no_garbage

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
