"""Reading pipeline specifications from YAML.

Belongs here: finding, parsing and validating `flows/specs/<pipeline>.yml`, and the errors that
name the path of what is wrong. Does not belong here: what a specification may say
(`tasks/contracts/spec.py`, `spec_checks.py`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

try:
    from yaml import CSafeLoader
except ImportError:  # PyYAML was built without libyaml
    from yaml import SafeLoader as CSafeLoader  # type: ignore[assignment]

from blocks.artifacts_in_force import compiled_pipeline, compiled_pipelines
from tasks.contracts.artifact import Artifact
from tasks.contracts.errors import ConfigurationError, DriftedArtifactError, SpecError
from tasks.contracts.incremental_checks import incremental_problems
from tasks.contracts.names import did_you_mean, is_name
from tasks.contracts.spec import Spec
from tasks.contracts.spec_checks import spec_problems
from tasks.logic_fingerprint import logic_fingerprint

SPEC_FOLDER = Path(__file__).parent.parent / "flows" / "specs"
_MERGE = "tag:yaml.org,2002:merge"


def known_pipelines(folder: Path = SPEC_FOLDER) -> list[str]:
    """Return the names of the pipelines that have a specification."""
    compiled = compiled_pipelines() if folder == SPEC_FOLDER else None
    if compiled is not None:
        return compiled
    return sorted(path.stem for path in folder.glob("*.yml"))


def known_pipeline(name: str) -> str:
    """Return `name` if there is such a pipeline; raises ConfigurationError.

    Its specification is not read: a mistake in it must not hide what was published before.
    """
    known = known_pipelines()
    if name not in known:
        raise ConfigurationError(f"no pipeline '{name}'{did_you_mean(name, known)}")
    return name


def load_spec(pipeline: str, folder: Path = SPEC_FOLDER) -> Spec:
    """Return the specification of `pipeline`: of the artifact in force, else of its file.

    Raises ArtifactError, or as `read_spec`.
    """
    compiled = compiled_pipeline(pipeline) if folder == SPEC_FOLDER else None
    return read_spec(pipeline, folder) if compiled is None else spec_of_artifact(compiled)


def read_spec(pipeline: str, folder: Path = SPEC_FOLDER) -> Spec:
    """Read and validate the file of `pipeline`, whatever artifact is in force.

    Raises ConfigurationError when there is no such pipeline, and SpecError with every problem and
    its path when the specification is wrong.
    """
    path = folder / f"{pipeline}.yml"
    if not is_name(pipeline) or not path.is_file():
        hint = did_you_mean(pipeline, known_pipelines(folder))
        raise ConfigurationError(f"no pipeline '{pipeline}'{hint}")
    spec = load_spec_file(path)
    if spec.pipeline != pipeline:
        raise SpecError(f"{path.name}: pipeline: is '{spec.pipeline}', the file says '{pipeline}'")
    return spec


def load_spec_file(path: Path) -> Spec:
    """Read and validate the specification in `path`; raises SpecError."""
    try:
        raw = _content(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SpecError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise SpecError(f"{path}: is no UTF-8 text (byte {error.start})") from error
    except yaml.YAMLError as error:
        raise SpecError(f"{path}: {_yaml_problem(error)}") from error
    if not isinstance(raw, dict):
        raise SpecError(f"{path}: must be a mapping with `pipeline`, `tables`, ...")
    try:
        spec = Spec.model_validate(raw)
    except ValidationError as error:
        found = [_problem(e, raw) for e in error.errors()]
        raise SpecError(_listed(path, found), found) from error
    problems = [*spec_problems(spec), *incremental_problems(spec)]
    if problems:
        raise SpecError(_listed(path, problems), problems)
    return spec


def spec_of_artifact(artifact: Artifact) -> Spec:
    """Return the specification that `artifact` holds.

    Raises DriftedArtifactError where the SQL or the transforms here are not those that it was
    compiled for, or where it says what this version does not know.
    """
    version, logic = artifact.project_version, logic_fingerprint(artifact.pipeline)
    if artifact.logic_fingerprint != logic:
        raise DriftedArtifactError(
            f"the artifact {artifact.name} was compiled for logic {artifact.logic_fingerprint} "
            f"(version {version}), and here is {logic}: the SQL or the transforms changed; "
            "compile it anew"
        )
    try:
        spec = Spec.model_validate(artifact.spec)
    except ValidationError as error:
        problems = [_problem(e, artifact.spec) for e in error.errors()]
    else:
        problems = [*spec_problems(spec), *incremental_problems(spec)]
        if not problems and spec.pipeline == artifact.pipeline:
            return spec
        problems = problems or [f"pipeline: is '{spec.pipeline}'"]
    raise DriftedArtifactError(
        f"the artifact {artifact.name}, compiled by version {version}, says what this version "
        f"does not take: {'; '.join(problems)}; compile it anew",
        problems,
    )


def spec_fingerprint(spec: Spec) -> str:
    """Return a short hash of what `spec` says of the data, independent of layout and comments."""
    said = spec.model_dump(mode="json", exclude={"retention", "freshness", "documents"})
    text = json.dumps(said, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _content(text: str) -> Any:
    try:
        return yaml.load(text, Loader=_QuickLoader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError:
        return yaml.load(text, Loader=_PlainLoader)  # noqa: S506 - it tells better what is wrong


class _UniqueKeys(yaml.constructor.SafeConstructor):
    """YAML lets a later key silently replace an earlier one; a specification must not."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key_node, _ in node.value:
            if key_node.tag == _MERGE:
                continue
            key = self.construct_object(key_node, deep=deep)
            if not isinstance(key, Hashable):
                raise yaml.constructor.ConstructorError(
                    None, None, "found unhashable key", key_node.start_mark
                )
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"'{key}' is given twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


class _QuickLoader(_UniqueKeys, CSafeLoader):
    """libyaml's, some thirty times as fast."""


class _PlainLoader(_UniqueKeys, yaml.SafeLoader):
    """Python's own."""


def _yaml_problem(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem}"
    return str(error).replace("\n", " ")


def _listed(path: Path, problems: list[str]) -> str:
    if len(problems) == 1:
        return f"{path.name}: {problems[0]}"
    lines = "\n".join(f"  {problem}" for problem in problems)
    return f"{path.name}: {len(problems)} problems\n{lines}"


def _problem(error: Any, raw: dict[str, Any]) -> str:
    place = error["loc"]
    path = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in place).lstrip(".")
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        message = f"no such setting{did_you_mean(str(place[-1]), _settings_at(place))}"
    elif error["type"] == "string_pattern_mismatch":
        message = f"'{error['input']}' is no name; names match [a-z][a-z0-9_]*"
    elif error["type"] == "missing":
        message = "is missing"
    elif error["type"] == "literal_error":
        message = f"'{error['input']}' is not one of {error['ctx']['expected']}"
    named = _entry_name(place, raw)
    return f"{path}: {message}{named}" if path else message


def _settings_at(place: tuple[int | str, ...]) -> list[str]:
    """Names of the settings that may stand where an unknown one was found."""
    schema: dict[str, Any] = Spec.model_json_schema()
    node: dict[str, Any] = schema
    for part in place[:-1]:
        node = _resolved(schema, node)
        step = node.get("items") if isinstance(part, int) else node.get("properties", {}).get(part)
        if not isinstance(step, dict):
            return []
        node = step
    return list(_resolved(schema, node).get("properties", {}))


def _resolved(schema: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    for option in [node, *node.get("anyOf", []), *node.get("allOf", [])]:
        if "$ref" in option:
            found: dict[str, Any] = schema["$defs"][option["$ref"].rsplit("/", 1)[-1]]
            return found
    return node


def _entry_name(place: tuple[int | str, ...], raw: Any) -> str:
    """Say which entry of a list was meant, where it has a name: positions are hard to count."""
    names = []
    for part in place[:-1]:
        try:
            raw = raw[part]
        except (KeyError, IndexError, TypeError):
            break
        if isinstance(part, int) and isinstance(raw, dict) and isinstance(raw.get("name"), str):
            names.append(raw["name"])
    return f" (in {'.'.join(names)})" if names else ""
