"""A Prefect API for tests, served as the commands serve theirs.

Belongs here: starting and ending it, with a database of its own. Does not belong here: what is
asked of it.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

from cli.local_ui import Part, wait_for
from cli.prefect_api import EMBEDDED, answers, free_port
from tasks.child_processes import module_command, module_environment


@contextlib.contextmanager
def served_api(folder: Path) -> Iterator[None]:
    """Have Prefect use an API whose database lies in `folder`."""
    # Not before the variables are set that Prefect reads when it is imported (conftest.py).
    from prefect.context import _temporary_global_settings_context, get_settings_context

    from tasks.prefect_settings import changed_settings

    port = free_port()
    url = f"http://127.0.0.1:{port}/api"
    database = {
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{folder}/prefect.db"
    }
    path = folder / "server.log"
    with path.open("wb") as log:
        process = subprocess.Popen(
            module_command("cli.prefect_server", str(port), str(os.getpid())),
            env={**module_environment(), **EMBEDDED, **database},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    server = Part("server", process, path)
    try:
        wait_for(lambda: answers(f"{url}/health"), [server], threading.Event())
        with (
            changed_settings({"api": {"url": url}}),
            # for threads that a test starts by itself
            _temporary_global_settings_context(get_settings_context()),
        ):
            yield
    finally:
        server.stop()
