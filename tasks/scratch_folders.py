"""Folders that die with their process: whoever comes next removes those of the killed.

Belongs here: claiming a folder, and sweeping those that nobody claims any more. Does not belong
here: what is kept in one (`mirror.py`).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
from pathlib import Path
from typing import IO

_LOCK = ".claimed"


def claim(folder: Path) -> IO[bytes]:
    """Claim `folder`, made if need be, until the file returned is closed or the process ends."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Locked before it gets its name: nobody ever sees the file of a living process unlocked.
    unnamed = folder / f".{secrets.token_hex(4)}"
    lock = unnamed.open("xb")
    fcntl.flock(lock, fcntl.LOCK_EX)
    unnamed.replace(folder / _LOCK)
    return lock


def sweep(parent: Path) -> None:
    """Remove the folders in `parent` that were claimed by processes that are gone."""
    for lock in parent.glob(f"*/{_LOCK}"):
        with contextlib.suppress(OSError), lock.open("rb") as opened:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(opened.fileno()).st_nlink:  # else somebody has just swept it
                shutil.rmtree(lock.parent, ignore_errors=True)
