"""A Prefect API for tests, served as the commands serve theirs.

Belongs here: starting and ending it, with a database of its own. Does not belong here: what is
asked of it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from cli.prefect_api import BATCHED, START_SECONDS, answers
from tasks.child_processes import module_command, module_environment

_SERVED = {
    **BATCHED,
    "PREFECT_UI_ENABLED": "0",
    "PREFECT__SERVER_EPHEMERAL": "1",
    "PREFECT__SERVER_FINAL": "1",
}


@contextlib.contextmanager
def served_api(folder: Path) -> Iterator[None]:
    """Have Prefect use an API whose database lies in `folder`."""
    from prefect.context import _temporary_global_settings_context, get_settings_context

    from tasks.prefect_settings import changed_settings

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    database = {
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{folder}/prefect.db"
    }
    url = f"http://127.0.0.1:{port}/api"
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            module_command("cli.prefect_server", str(port), str(os.getpid())),
            env={**module_environment(), **_SERVED, **database},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not answers(f"{url}/health"):
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((folder / "server.log").read_text())
            time.sleep(0.1)
        with (
            changed_settings({"api": {"url": url}}),
            # for threads that a test starts by itself
            _temporary_global_settings_context(get_settings_context()),
        ):
            yield
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
