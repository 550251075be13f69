"""What the processes have in common that this one starts from its own modules.

Belongs here: the environment that they are started in, and that they end with their parent. Does
not belong here: what they are for (`dbt_worker.py`, `cli/prefect_server.py`).
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
_PARENT_DEATH_SIGNAL = 1


def module_command(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module of the project, whatever folder it is run in."""
    return [sys.executable, "-P", "-m", module, *arguments]


def module_environment() -> dict[str, str]:
    """Return the environment for `module_command`: this one's, and the project can be imported."""
    path = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    # Python's tracker of semaphores would report those of a killed process on the terminal.
    quiet = "ignore:resource_tracker:UserWarning"
    warnings = [*filter(None, [os.environ.get("PYTHONWARNINGS")]), quiet]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path),
        "PYTHONWARNINGS": ",".join(warnings),
    }


def end_with_parent(number: signal.Signals, parent: int | None = None) -> None:
    """Let the system send this process a signal when the thread that started it ends (on Linux).

    `parent` is the process that should be the parent still: it may have died before this.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, number)
    if parent is not None and os.getppid() != parent:
        sys.exit(f"process {parent}, which started this one, is gone")
