"""Compiling: the specification of a pipeline and the file of an environment become one artifact.

Belongs here: reading both, and checking all that can be checked without a lake. Does not belong
here: the document (`tasks/contracts/artifact.py`), and running from one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from blocks.environment_files import DEPLOYMENTS_FOLDER, read_environment
from blocks.secrets import written_secrets
from blocks.settings import settings_as_said
from tasks.contracts.artifact import FORMAT_VERSION, PROJECT, Artifact, sealed
from tasks.contracts.errors import ConfigurationError, SpecError
from tasks.contracts.spec import Spec
from tasks.enrichment import check_transform
from tasks.logic_fingerprint import logic_fingerprint
from tasks.specs import SPEC_FOLDER, load_spec_file, read_spec


@dataclass(frozen=True)
class Mistake:
    """What is wrong in a file, and where in it; the path is empty where it is the whole file."""

    file: str
    path: str
    problem: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.file, self.path, self.problem) if part)


def compile_artifact(
    pipeline: str,
    environment: str,
    *,
    specs: Path = SPEC_FOLDER,
    environments: Path = DEPLOYMENTS_FOLDER,
) -> Artifact:
    """Return the artifact of `pipeline` in `environment`: the same one for the same files.

    Variables of this process do not count. Raises ConfigurationError with every mistake of the
    first file that has any.
    """
    spec = read_spec(pipeline, specs)
    problems = _transform_problems(spec)
    if problems:
        raise SpecError(f"{pipeline}.yml: " + "; ".join(problems), problems)
    return sealed(
        format_version=FORMAT_VERSION,
        project=PROJECT,
        project_version=version(PROJECT),
        logic_fingerprint=logic_fingerprint(pipeline),
        pipeline=pipeline,
        environment=environment,
        spec=spec.model_dump(mode="json"),
        settings=_settings(environment, environments),
    )


def mistakes(
    pipelines: Sequence[str],
    environments: Sequence[str],
    *,
    spec_files: Sequence[Path] = (),
    specs: Path = SPEC_FOLDER,
    folder: Path = DEPLOYMENTS_FOLDER,
) -> list[Mistake]:
    """Return every mistake of the specifications and the environments; none: they are sound."""
    found: list[Mistake] = []
    for name in pipelines:
        found += _of_spec(f"{name}.yml", partial(read_spec, name, specs))
    for path in spec_files:
        found += _of_spec(path.name, partial(load_spec_file, path))
    for name in environments:
        try:
            _settings(name, folder)
        except ConfigurationError as error:
            found += [_mistake(f"{name}.yml", problem) for problem in error.problems]
    return found


def _of_spec(file: str, load: Callable[[], Spec]) -> list[Mistake]:
    try:
        problems: Sequence[str] = _transform_problems(load())
    except ConfigurationError as error:
        problems = error.problems
    return [_mistake(file, problem) for problem in problems]


def _mistake(file: str, problem: str) -> Mistake:
    path, colon, told = problem.removeprefix(f"{file}: ").partition(": ")
    return Mistake(file, path, told) if colon and " " not in path else Mistake(file, "", problem)


def _transform_problems(spec: Spec) -> list[str]:
    """Say what is wrong with the transforms that `spec` names: each is a function with a schema."""
    problems = []
    for number, transform in enumerate(spec.transforms):
        try:
            check_transform(transform)
        except ConfigurationError as error:
            problems.append(f"transforms[{number}]: {error}")
    return problems


def _settings(environment: str, folder: Path) -> dict[str, Any]:
    """Return what the file of an environment says, with defaults, as JSON holds it.

    No variable is looked up, so that references to secrets stay references. What follows from the
    machine, the number of threads, is left to the machine that runs.
    """
    said = read_environment(environment, folder)
    settings = settings_as_said(environment, said, {})
    left_out = {"environment"} if "threads" in said else {"environment", "threads"}
    plain = settings.model_dump(mode="json", by_alias=True, exclude_none=True, exclude=left_out)
    leaked = list(written_secrets(plain))
    if leaked:  # the file is free of them: a default must be
        raise ConfigurationError(f"environment '{environment}': {leaked[0]}: looks like a secret")
    return plain
