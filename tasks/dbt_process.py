"""The process that dbt runs in, from the side of the one that asks it.

Belongs here: starting it, one request at a time, and noticing that it died. Does not belong here:
what is asked (`dbt_runs.py`), or what it does (`dbt_worker.py`).
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Callable
from typing import Any

from tasks.child_processes import module_command, module_environment

_LOOK_SECONDS = 0.5


class DbtDiedError(Exception):
    """The process ended before it answered; says how."""

    def __init__(self, how: str, *, killed: bool = False) -> None:
        super().__init__(how)
        self.killed = killed


class DbtProcess:
    """A started process; it imports dbt while nobody waits for it yet."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self._answers: queue.SimpleQueue[dict[str, Any] | DbtDiedError] = queue.SimpleQueue()
        self._writing = threading.Lock()
        self._number = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._started, self._over = threading.Event(), threading.Event()
        threading.Thread(target=self._own, name="dbt", daemon=True).start()
        self._started.wait()

    @property
    def pid(self) -> int | None:
        """The process id, if it could be started."""
        return None if self._process is None else self._process.pid

    @property
    def is_over(self) -> bool:
        """Whether the process is known to have ended."""
        return self._over.is_set()

    def tell(self, request: dict[str, Any]) -> None:
        """Send a request whose answer nobody waits for."""
        self._send({**request, "number": 0})

    def ask(self, request: dict[str, Any], on_node: Callable[[str], None]) -> dict[str, Any]:
        """Send a request and wait for its answer; one thread at a time."""
        self._number += 1
        try:
            self._send({**request, "number": self._number})
            while True:
                answer = self._next()
                if answer["number"] != self._number:
                    continue
                if "node" not in answer:
                    return answer
                on_node(answer["node"])
        except BaseException:
            self.end()
            raise

    def end(self) -> None:
        """End the process at once."""
        if self._process is not None and not self.is_over:
            self._process.kill()
            self._over.wait()

    def _send(self, request: dict[str, Any]) -> None:
        if self._process is None or self._process.stdin is None:
            return
        line = json.dumps(request).encode() + b"\n"
        # A process that died is noticed where its answers end.
        with self._writing, contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(line)
            self._process.stdin.flush()

    def _next(self) -> dict[str, Any]:
        while True:
            # Not for ever: a timeout of Prefect's reaches a thread only between two instructions.
            with contextlib.suppress(queue.Empty):
                answer = self._answers.get(timeout=_LOOK_SECONDS)
                if isinstance(answer, DbtDiedError):
                    self._answers.put(answer)
                    raise answer
                return answer

    def _own(self) -> None:
        """Start the process and hand on its answers until they end.

        The same thread does both: Linux takes the end of the thread that started a process for the
        end of its parent.
        """
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter
                module_command("tasks.dbt_worker"),
                env=module_environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        except OSError as error:
            self._answers.put(DbtDiedError(f"could not be started: {error}"))
            self._over.set()
            return
        finally:
            self._started.set()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._answers.put(json.loads(line))
        self._answers.put(_died(self._process.wait()))
        with self._writing, contextlib.suppress(OSError):
            self._process.stdin.close()
        self._over.set()


_CHOOSING, _ASKING = threading.Lock(), threading.Lock()
_CURRENT: list[DbtProcess] = []


def tell(request: dict[str, Any]) -> None:
    """Send dbt a request whose answer nobody waits for."""
    current_process().tell(request)


def ask(request: dict[str, Any], on_node: Callable[[str], None]) -> dict[str, Any]:
    """Return dbt's answer to a request, after the name of each model as it is finished.

    Raises DbtDiedError; the next request starts the process anew. Whatever else interrupts the
    wait ends the process: nothing less stops dbt in the middle of a model.
    """
    with _ASKING:
        return current_process().ask(request, on_node)


def current_process() -> DbtProcess:
    """Return this process's dbt process; start it if there is none, or if the last one died."""
    with _CHOOSING:
        if not _CURRENT or _CURRENT[0].is_over or _CURRENT[0].owner != os.getpid():
            _CURRENT[:] = [DbtProcess()]
        return _CURRENT[0]


@atexit.register
def end_current_process() -> None:
    """End this process's dbt process, if there is one."""
    with _CHOOSING:
        if _CURRENT and _CURRENT[0].owner == os.getpid():
            _CURRENT[0].end()
        _CURRENT.clear()


def _died(status: int) -> DbtDiedError:
    if status < 0:
        names = {number.value: number.name for number in signal.Signals}
        name = names.get(-status, f"signal {-status}")
        return DbtDiedError(f"was ended by {name}", killed=name == "SIGKILL")
    return DbtDiedError(f"ended with exit status {status}")
