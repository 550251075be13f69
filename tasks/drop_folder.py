"""Listing a folder into which files are dropped.

Belongs here: one cheap look at a folder. Does not belong here: what it means (`arrivals.py`), or
reading the files.
"""

from __future__ import annotations

import os
from pathlib import Path

from tasks.arrivals import Listing, Version, is_arrival


def list_folder(folder: Path) -> Listing:
    """Return every file below `folder` that may be processed, by its path relative to it.

    Folders that are links are not followed, as in landing. Raises OSError if `folder` cannot be
    listed; what vanishes meanwhile below it is left out.
    """
    found: dict[str, Version] = {}
    with os.scandir(folder) as entries:
        _add(entries, "", found)
    return found


def _add(entries: os._ScandirIterator[str], prefix: str, found: dict[str, Version]) -> None:
    for entry in entries:
        name = f"{prefix}{entry.name}"
        try:
            if entry.is_dir(follow_symlinks=False):
                if not entry.name.startswith((".", "_")):
                    with os.scandir(entry.path) as below:
                        _add(below, f"{name}/", found)
            elif is_arrival(name) and entry.is_file():
                status = entry.stat()
                found[name] = Version(status.st_size, status.st_mtime_ns)
        except FileNotFoundError:
            continue
