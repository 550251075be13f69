"""Compiled artifacts as files: the one that a process runs from, or a folder of them.

Belongs here: reading them, and finding the one of a pipeline and an environment. Does not belong
here: which file or folder it is (`settings.py` reads the variable), and making one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from tasks.contracts.artifact import Artifact, read_artifact
from tasks.contracts.errors import ConfigurationError, ForeignArtifactError
from tasks.contracts.names import did_you_mean

_CHOSEN: list[Path] = []


def choose_artifact(path: Path | None) -> None:
    """Let this process run from the artifact in `path`, whatever its variables say; None: undo."""
    _CHOSEN[:] = [] if path is None else [path]


def chosen_artifact() -> Path | None:
    """Return what `choose_artifact` was told last."""
    return _CHOSEN[0] if _CHOSEN else None


def artifacts_at(place: Path) -> list[Artifact]:
    """Return the artifact in file `place`, or those in folder `place`, by name.

    Raises ConfigurationError where there is none, ArtifactError for one that is not sound.
    """
    paths = sorted(place.glob("*.json")) if place.is_dir() else [place]
    if not paths:
        raise ConfigurationError(f"{place}: no artifact (<pipeline>.<environment>.json) is there")
    return [_read(path, *_stamp(path)) for path in paths]


def artifact_for(place: Path, pipeline: str, environment: str) -> Artifact:
    """Return the artifact of `pipeline` in `environment`; raises as `artifacts_at`, and
    ForeignArtifactError where there is none of them."""
    found = artifacts_at(place)
    for artifact in found:
        if (artifact.pipeline, artifact.environment) == (pipeline, environment):
            return artifact
    raise _foreign(place, f"{pipeline}.{environment}", [artifact.name for artifact in found])


def artifact_of_pipeline(place: Path, pipeline: str) -> Artifact:
    """Return an artifact of `pipeline`, of any environment: all say the same of it.

    Raises as `artifact_for`, and ConfigurationError if they do not.
    """
    found = artifacts_at(place)
    own = [artifact for artifact in found if artifact.pipeline == pipeline]
    if not own:
        raise _foreign(place, pipeline, sorted({artifact.pipeline for artifact in found}))
    return _agreed(place, own, [(a.spec, a.logic_fingerprint) for a in own])


def artifact_of_environment(place: Path, environment: str) -> Artifact:
    """Return an artifact of `environment`, of any pipeline; raises as `artifact_of_pipeline`."""
    found = artifacts_at(place)
    own = [artifact for artifact in found if artifact.environment == environment]
    if not own:
        raise _foreign(place, environment, sorted({artifact.environment for artifact in found}))
    return _agreed(place, own, [artifact.settings for artifact in own])


def sole_environment(place: Path | None) -> str | None:
    """Return the environment of the artifact in a file; a folder has several."""
    if place is None or place.is_dir():
        return None
    return artifacts_at(place)[0].environment


def _agreed(place: Path, own: Sequence[Artifact], said: Sequence[object]) -> Artifact:
    for artifact, told in zip(own, said, strict=True):
        if told != said[0]:
            raise ConfigurationError(
                f"{place}: {own[0].name} and {artifact.name} were compiled of different files; "
                "compile all of them anew"
            )
    return own[0]


def _foreign(place: Path, wanted: str, there: Sequence[str]) -> ForeignArtifactError:
    if place.is_dir():
        return ForeignArtifactError(
            f"{place}: no artifact of '{wanted}'{did_you_mean(wanted, there)}"
        )
    return ForeignArtifactError(f"{place}: is of '{there[0]}', not of '{wanted}'")


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError as error:
        raise ConfigurationError(f"{path}: no artifact is there ({error.strerror})") from None
    return found.st_mtime_ns, found.st_size


@lru_cache(maxsize=64)
def _read(path: Path, changed: int, size: int) -> Artifact:  # noqa: ARG001 - part of the key
    try:
        return read_artifact(path.read_bytes(), str(path))
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read ({error.strerror})") from None
