"""The artifacts that this process runs from, if it runs from any.

Belongs here: asking for the one of a pipeline, or of a run. Does not belong here: which file or
folder it is (`settings.py`), and reading it (`artifact_files.py`).
"""

from __future__ import annotations

from blocks.artifact_files import artifact_for, artifact_of_pipeline, artifacts_at
from blocks.settings import artifact_place
from tasks.contracts.artifact import Artifact


def compiled_pipeline(pipeline: str) -> Artifact | None:
    """Return an artifact in force of `pipeline`, of any environment; None: none is in force.

    Raises ConfigurationError for an artifact that is not sound, or of another pipeline.
    """
    place = artifact_place()
    return None if place is None else artifact_of_pipeline(place, pipeline)


def compiled_pipelines() -> list[str] | None:
    """Return the pipelines that artifacts in force are of; None: none is in force."""
    place = artifact_place()
    return None if place is None else sorted({a.pipeline for a in artifacts_at(place)})


def artifact_in_force(pipeline: str, environment: str) -> Artifact | None:
    """Return the very artifact that a run of these goes by, if one is in force; raises as above."""
    place = artifact_place()
    return None if place is None else artifact_for(place, pipeline, environment)
