"""Measuring whole processes: wall time, peak memory of the process tree, a Prefect API beside them.

Belongs here: what every benchmark needs. Does not belong here: what is measured.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cli.local_ui import start_server, wait_for
from cli.prefect_api import answers

OUT = Path(__file__).parent / "out"
MEDALLION = str(Path(sys.executable).parent / "medallion")
SERVER = {
    "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",
    "PREFECT_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",
}


@dataclass(frozen=True)
class Measured:
    """Wall seconds, CPU seconds and peak resident memory (GB) of a process and its children."""

    seconds: float
    cpu_seconds: float
    peak_gb: float
    output: str


def measure(command: list[str], env: dict[str, str]) -> Measured:
    """Run a command to its end; raises CalledProcessError if it fails."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        began = time.monotonic()
        process = subprocess.Popen(command, env=env, stdout=output, stderr=errors)
        peak = _Peak(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
        process.returncode = status
        output.seek(0)
        if status != 0:
            errors.seek(0)
            sys.stderr.write(errors.read().decode(errors="replace")[-4000:])
            raise subprocess.CalledProcessError(status, command)
        cpu = usage.ru_utime + usage.ru_stime
        return Measured(seconds, cpu, peak.stop(), output.read().decode())


class _Peak:
    """Samples the resident memory of a process and its descendants."""

    def __init__(self, pid: int) -> None:
        self._pid, self._kilobytes, self._over = pid, 0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._over.wait(0.1):
            self._kilobytes = max(self._kilobytes, _resident(self._pid))

    def stop(self) -> float:
        self._over.set()
        self._thread.join()
        return self._kilobytes / 1e6


def _resident(pid: int) -> int:
    """Kilobytes of a process and its descendants; 0 if it is gone."""
    total = 0
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                total = int(line.split()[1])
        for task in Path(f"/proc/{pid}/task").iterdir():
            total += sum(_resident(int(c)) for c in (task / "children").read_text().split())
    except OSError:
        return total
    return total


@contextmanager
def prefect_server(env: dict[str, str]) -> Iterator[dict[str, str]]:
    """A Prefect API that runs already, served as `make ui` serves it."""
    port = 14200 + os.getpid() % 1000
    url = f"http://127.0.0.1:{port}/api"
    served = {**env, "PREFECT_API_URL": url}
    server = start_server(port, {**served, **SERVER})
    try:
        wait_for(lambda: answers(f"{url}/health"), [server], threading.Event())
        yield served
    finally:
        server.stop()


def folder_bytes(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
