"""The step that writes the documents of a release, as a Prefect task.

Belongs here: a thin wrapper for runs and rollbacks. Does not belong here: what is written
(`document_files.py`).
"""

from __future__ import annotations

import logging

from prefect import task
from prefect.cache_policies import NO_CACHE

from blocks.lake import Lake
from blocks.settings import Settings
from tasks.contracts.errors import MedallionError
from tasks.document_files import follow_release
from tasks.releases import read_release

log = logging.getLogger("medallion")


@task(name="documents", task_run_name="documents", cache_policy=NO_CACHE, persist_result=False)
def write_documents(pipeline: str, lake: Lake, settings: Settings) -> list[str]:
    """Write the documents of the current release that differ from those that are there.

    What is published stays so, whatever hinders this; the next run makes it good.
    """
    try:
        return follow_release(
            lake,
            read_release(lake, pipeline),
            threads=settings.threads,
            memory_limit=settings.memory_limit,
        )
    except (MedallionError, OSError) as error:
        log.warning(f"the documents are not those of the release: {error}; run again")
        return []
