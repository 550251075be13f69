"""The environments as files, `deployments/<env>.yml`.

Belongs here: finding and reading one, and refusing a secret that is written in it. Does not belong
here: what the settings mean (`settings.py`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from blocks.secrets import HOW_TO_REFER, written_secrets
from tasks.contracts.errors import ConfigurationError
from tasks.contracts.names import did_you_mean, is_name

DEPLOYMENTS_FOLDER = Path(__file__).parent.parent / "deployments"


def read_environment(name: str, folder: Path = DEPLOYMENTS_FOLDER) -> dict[str, Any]:
    """Return what the file of environment `name` says.

    Raises ConfigurationError, naming the file and what is wrong in it; no value is quoted.
    """
    path = folder / f"{name}.yml"
    if not is_name(name) or not path.is_file():
        known = sorted(p.stem for p in folder.glob("*.yml"))
        raise ConfigurationError(f"no environment '{name}'{did_you_mean(name, known)}")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path.name}: {error}") from None
    except yaml.YAMLError as error:
        # Its own text quotes the line, and with it perhaps a secret.
        raise ConfigurationError(f"{path.name}: {_without_the_line(error)}") from None
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path.name}: must be a mapping of settings")
    written = list(written_secrets(content))
    if written:
        told = ", ".join(written)
        raise ConfigurationError(
            f"{path.name}: {told}: looks like a secret, which does not belong in a file; "
            f"{HOW_TO_REFER}",
            [f"{place}: looks like a secret; {HOW_TO_REFER}" for place in written],
        )
    return content


def block_name(environment: str) -> str:
    """Return the name of an environment's blocks: Prefect's names have dashes for underscores."""
    return environment.replace("_", "-")


def _without_the_line(error: yaml.YAMLError) -> str:
    if not isinstance(error, yaml.MarkedYAMLError):
        return type(error).__name__
    mark = error.problem_mark or error.context_mark
    place = f" (line {mark.line + 1}, column {mark.column + 1})" if mark is not None else ""
    return " ".join(part for part in (error.context, error.problem) if part) + place
