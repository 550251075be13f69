"""Prefect's user interface on this machine, with everything deployed and a worker: `make ui`.

Belongs here: the order in which server, pool, blocks, deployments and worker come up, and go down
again. Does not belong here: what is deployed (`prefect.yaml`), the environment
(`deployments/local.yml`), or serving the API (`prefect_server.py`).
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO

from blocks.lake import default_scratch
from cli.prefect_api import BATCHED, START_SECONDS, answers
from tasks.child_processes import ROOT, module_command, module_environment
from tasks.contracts.errors import ConfigurationError, MedallionError

ENVIRONMENT, POOL, PORT = "local", "medallion", 4200
STOP_SECONDS = 30
_SERVED = {
    **BATCHED,
    "PREFECT_UI_ENABLED": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_API_HOST": "127.0.0.1",
    "DO_NOT_TRACK": "1",
}
_QUICK = {"PREFECT_WORKER_QUERY_SECONDS": "2"}  # somebody is watching


class UiError(MedallionError):
    """A part of the user interface did not start, or ended by itself."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until Ctrl-C or SIGTERM; the exit status is 0 then, and where one is served already."""
    parser = argparse.ArgumentParser(prog="make ui", description=__doc__)
    parser.add_argument("--port", type=int, default=PORT, help="port of the loopback")
    port: int = parser.parse_args(arguments).port
    ended = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    try:
        with only_one(port) as holder:
            if holder is not None:
                say(f"make ui serves {page(port)} already (process {holder}); Ctrl-C there ends it")
                return 0
            serve(port, ended)
    except MedallionError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_status
    return 0


def serve(port: int, ended: threading.Event) -> None:
    """Bring everything up, tell where it is, and take it down when `ended` is set.

    A Prefect server that answers at the port is used, and left running. Raises UiError when a part
    does not start or ends by itself, ConfigurationError when somebody else has the port.
    """
    api = f"http://127.0.0.1:{port}/api"
    environment = {**module_environment(), "PREFECT_API_URL": api}
    found = answers(f"{api}/health")
    if not found and is_taken(port):
        raise ConfigurationError(
            f"port {port} is taken by something else; choose another: make ui PORT={port + 1}"
        )
    parts: list[Part] = []
    try:
        if found:
            say(f"A Prefect server answers at {page(port)} already: it is used, and left running.")
        else:
            say(f"Starting Prefect at {page(port)} ...")
            parts.append(start_server(port, environment))
            wait_for(lambda: answers(f"{api}/health"), parts, ended)
        if not ended.is_set():
            say(f"Saving the blocks of environment {ENVIRONMENT}, deployments and automations ...")
            save_blocks(api)
            deploy(environment)
            # only now: to ask for runs all the time would keep the others from writing
            parts.append(start_worker(environment))
            save_automations(api)
            say(welcome(port))
        wait_for(lambda: False, parts, ended, seconds=None)
    finally:
        if parts:
            say("Stopping ...")
        for part in reversed(parts):  # the server last: it is to be told what ended
            part.stop()
            if part.name == "worker":
                tell_of_ended_runs(api)


def save_blocks(api: str) -> None:
    """Save the work pool, the block types and the environment's blocks, where they differ."""
    from prefect.client.orchestration import get_client  # noqa: PLC0415 - Prefect is slow
    from prefect.client.schemas.actions import WorkPoolCreate  # noqa: PLC0415
    from prefect.exceptions import ObjectNotFound  # noqa: PLC0415

    import blocks  # noqa: PLC0415
    from blocks.applying import apply_environment  # noqa: PLC0415
    from tasks.prefect_settings import changed_settings  # noqa: PLC0415

    with changed_settings({"api": {"url": api}}), get_client(sync_client=True) as client:
        try:
            client.read_work_pool(POOL)
        except ObjectNotFound:
            client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
        for name in blocks.__all__:
            getattr(blocks, name).register_type_and_schema(client=client)
        apply_environment(ENVIRONMENT)


def save_automations(api: str) -> None:
    """Save the environment's automations, where they differ."""
    from blocks.automations import apply_automations  # noqa: PLC0415 - Prefect is slow
    from tasks.prefect_settings import changed_settings  # noqa: PLC0415
    from tasks.quality_events import resource_prefix  # noqa: PLC0415

    with changed_settings({"api": {"url": api}}):
        apply_automations(ENVIRONMENT, prefix=resource_prefix(ENVIRONMENT))


def tell_of_ended_runs(api: str) -> None:
    """Have runs that ended with the worker marked, so that they do not seem to go on."""
    import httpx  # noqa: PLC0415 - Prefect's client

    from cli.ended_runs import crash_ended_runs  # noqa: PLC0415 - Prefect is slow
    from tasks.prefect_settings import changed_settings  # noqa: PLC0415

    with contextlib.suppress(httpx.HTTPError), changed_settings({"api": {"url": api}}):
        for name in crash_ended_runs(POOL):
            say(f"{name} was under way and is marked as crashed.")


def deploy(environment: Mapping[str, str]) -> None:
    """Save all deployments of `prefect.yaml`; raises UiError."""
    done = subprocess.run(  # noqa: S603 - our own interpreter
        prefect("--no-prompt", "deploy", "--all"),
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
    )
    if done.returncode:
        raise UiError(f"the deployments could not be saved:\n{(done.stdout + done.stderr)[-2000:]}")


@dataclass
class Part:
    """A process that runs along, and its log."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path = field(repr=False)

    def stop(self) -> None:
        """End the process as its own Ctrl-C would, and what it started."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def start_server(port: int, environment: Mapping[str, str]) -> Part:
    """Start the server; it ends with this process at the latest."""
    served = {**environment, **_SERVED, "PREFECT_SERVER_API_PORT": str(port)}
    del served["PREFECT_API_URL"]  # it is the API
    command = module_command("cli.prefect_server", str(port), str(os.getpid()))
    return _started("server", command, served, port)


def start_worker(environment: Mapping[str, str]) -> Part:
    """Start a worker of the pool."""
    command = prefect("worker", "start", "--pool", POOL, "--name", "make-ui")
    port = int(environment["PREFECT_API_URL"].rpartition(":")[2].partition("/")[0])
    return _started("worker", command, {**_QUICK, **environment}, port)


def _started(name: str, command: list[str], environment: Mapping[str, str], port: int) -> Part:
    log = scratch() / f"ui-{port}-{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is ours to answer, in the right order
        )
    return Part(name, process, log)


def wait_for(
    ready: Callable[[], bool],
    parts: Sequence[Part],
    ended: threading.Event,
    seconds: float | None = START_SECONDS,
) -> None:
    """Wait until it is ready or `ended` is set; raises UiError when a part ends or time is up."""
    deadline = None if seconds is None else time.monotonic() + seconds
    while not ended.wait(0.2) and not ready():
        for part in parts:
            if part.process.poll() is not None:
                words = part.log.read_text(errors="replace")[-2000:]
                raise UiError(f"the {part.name} has ended by itself ({part.log}):\n{words}")
        if deadline is not None and time.monotonic() > deadline:
            raise UiError(f"Prefect did not answer within {seconds:g} seconds")


@contextlib.contextmanager
def only_one(port: int) -> Iterator[int | None]:
    """Hold the lock of `port`, or yield the process that does."""
    place = scratch() / f"ui-{port}.lock"
    with place.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield _written(lock)
            return
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield None


def _written(lock: IO[str]) -> int:
    lock.seek(0)
    return int(lock.read() or 0)


def welcome(port: int) -> str:
    """What to do next."""
    return "\n".join(
        (
            "",
            f"Prefect's user interface: {page(port)}",
            f"  deployments   {page(port)}/deployments",
            f"  for commands  export PREFECT_API_URL={page(port)}/api",
            "  a first run   medallion sample ecommerce --out exports, then in the interface the",
            "                deployment ecommerce, Run, Custom run, with `source` that folder",
            "Ctrl-C stops it.",
        )
    )


def is_taken(port: int) -> bool:
    """Tell whether something listens at a port of the loopback."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def page(port: int) -> str:
    """The address that a browser shows."""
    return f"http://127.0.0.1:{port}"


def prefect(*words: str) -> list[str]:
    """A command of Prefect's own."""
    return [sys.executable, "-m", "prefect", *words]


def scratch() -> Path:
    """Where locks and logs lie: this user's folder among the temporary ones."""
    folder = default_scratch()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def say(text: str) -> None:
    """Tell whoever is at the terminal, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
