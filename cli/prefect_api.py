"""The Prefect API that the command line's flows report to.

Belongs here: using the API that a profile or PREFECT_API_URL names, else starting one for the
time of the command. Does not belong here: flows, or anything that is imported before Prefect is
wanted.

An embedded API takes seconds to start, so `start` only launches it; imports and other work go on
meanwhile, and `ready` waits for what is left.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import subprocess
import tempfile
import time
import tomllib
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from tasks.child_processes import module_command, module_environment
from tasks.contracts.errors import ConfigurationError
from tasks.prefect_settings import changed_settings

START_SECONDS = 120
# For servers of one machine: by itself Prefect writes each change of a task run at once and alone.
# That takes a third of a server's work for a run, and locks SQLite's file as often.
BATCHED = {
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "50",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "50",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
}
EMBEDDED = {
    **BATCHED,
    "PREFECT_UI_ENABLED": "0",
    "PREFECT__SERVER_EPHEMERAL": "1",
    "PREFECT__SERVER_FINAL": "1",
    "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",
    "PREFECT_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
}


class PrefectApi:
    """An API for one command: `start` early, use inside `ready`."""

    def __init__(self) -> None:
        self.url = configured_url()
        self.waited_seconds = 0.0
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None

    def start(self) -> None:
        """Launch an embedded API on the loopback, unless one is configured or runs already."""
        _quiet_prefect()
        ended = self._process is not None and self._process.poll() is not None
        if self.url is not None and not ended:
            return
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/api"
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the server
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter
            module_command("cli.prefect_server", str(port), str(os.getpid())),
            env={**module_environment(), **EMBEDDED},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            # Ctrl-C is the command's to answer: it may have to end a batch with the API first.
            start_new_session=True,
        )

    @contextlib.contextmanager
    def ready(self, *, stop: bool = True) -> Iterator[None]:
        """Wait until the API answers, and make Prefect use it; end it after, if `stop`."""
        from prefect.settings import get_current_settings  # noqa: PLC0415 - Prefect is slow

        waiting = time.monotonic()
        self._wait()
        self.waited_seconds = time.monotonic() - waiting
        settings: dict[str, dict[str, Any]] = {"api": {"url": self.url}}
        asked_for = get_current_settings().flows.model_fields_set
        if self._process is not None:
            settings["client"] = {"max_retries": 10}  # it asks for short waits
        if self._process is not None or "heartbeat_frequency" not in asked_for:
            # The end of a flow waits for its heartbeat, up to a second. They tell of runs that
            # died unnoticed: here somebody waits for the command.
            settings["flows"] = {"heartbeat_frequency": None}
        try:
            with changed_settings(settings):
                try:
                    yield
                finally:
                    _flush()
        except BaseException:
            stop = True
            raise
        finally:
            if stop:
                self.stop()

    def stop(self) -> None:
        """End an embedded API, letting it write what it holds."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + (START_SECONDS if self._process is not None else 5)
        while not answers(f"{self.url}/health"):
            if self._process is not None and self._process.poll() is not None:
                raise ConfigurationError(f"the Prefect API did not start:\n{self._last_words()}")
            if time.monotonic() > deadline:
                raise ConfigurationError(
                    f"the Prefect API at {self.url} does not answer; start it, or unset "
                    "PREFECT_API_URL to let the command bring its own"
                )
            time.sleep(0.05)

    def _last_words(self) -> str:
        if self._log is None:
            return ""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")[-2000:]


def configured_url() -> str | None:
    """Return the API that PREFECT_API_URL or the active profile names, if one does."""
    if os.environ.get("PREFECT_API_URL"):
        return os.environ["PREFECT_API_URL"]
    home = Path(os.environ.get("PREFECT_HOME", Path.home() / ".prefect")).expanduser()
    profiles = Path(os.environ.get("PREFECT_PROFILES_PATH", home / "profiles.toml"))
    try:
        document = tomllib.loads(profiles.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError):
        return None
    active = os.environ.get("PREFECT_PROFILE", document.get("active", ""))
    url = document.get("profiles", {}).get(active, {}).get("PREFECT_API_URL")
    return str(url) if url else None


def _quiet_prefect() -> None:
    """Keep Prefect's own log off the terminal; the API still gets it, and ours as well."""
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    os.environ.setdefault("PREFECT_LOGGING_EXTRA_LOGGERS", "medallion")
    os.environ.setdefault("PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW", "ignore")
    logging.getLogger("httpx").setLevel(logging.WARNING)


def _flush() -> None:
    from prefect.events.worker import EventsWorker  # noqa: PLC0415
    from prefect.logging.handlers import APILogWorker  # noqa: PLC0415

    EventsWorker.drain_all(timeout=10)
    APILogWorker.drain_all(timeout=10)


def answers(url: str) -> bool:
    """Tell whether something at `url` says that it is well."""
    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310 - http, from settings
            return bool(response.status == 200)  # noqa: PLR2004
    except OSError:
        return False


def free_port() -> int:
    """Return a port of the loopback at which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
