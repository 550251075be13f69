"""Gold of a lake in buckets, as a lake in a folder that follows it: what Cube reads.

Belongs here: bringing that folder to the current release of each pipeline. Does not belong here:
starting Cube (`cube_server.py`), or who opens the buckets.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from blocks.lake import Lake, local_lake
from tasks.contracts.release import PublishedFile, pointing_to
from tasks.releases import read_current, read_release


def copy_gold(lake: Lake, folder: Path, pipelines: Iterable[str]) -> list[str]:
    """Copy what is current into `folder`; returns the pipelines whose release was another one.

    Files come first and the pointer last, so that whoever reads `folder` sees whole releases. What
    the release before had is removed by the next call that finds nothing new: queries that had
    begun have ended then. Raises what the stores raise.
    """
    return [pipeline for pipeline in pipelines if _copy(lake, local_lake(folder), pipeline)]


def _copy(lake: Lake, copy: Lake, pipeline: str) -> bool:
    if read_current(lake, pipeline).pointer is None:
        return False
    release = read_release(lake, pipeline)
    content, pointer = pointing_to(release)
    tables = [table for name, table in release.tables.items() if name.startswith("gold.")]
    listed = {file.path: file for table in tables for file in table.files}
    if read_current(copy, pipeline).pointer == pointer:
        copy.gold.delete(key for key in copy.gold.list(pipeline) if key not in listed)
        return False
    for file in listed.values():
        _fetch(lake, copy, file)
    copy.control.write(copy.release_key(pipeline, release.release), content)
    copy.control.write(copy.pointer_key(pipeline), pointer.model_dump_json(indent=1).encode())
    return True


def _fetch(lake: Lake, copy: Lake, file: PublishedFile) -> None:
    """Download a file that is not there yet; it has its name only when it is whole."""
    path = copy.gold.local_path(file.path)
    assert path is not None  # the copy is a folder
    if path.exists() and path.stat().st_size == file.bytes:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    lake.gold.download(file.path, part)
    part.replace(path)
