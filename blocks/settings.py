"""Settings of an environment: the only place where environment variables are read.

Belongs here: merging `deployments/<env>.yml`, `MEDALLION_*` variables and explicit parameters
into one validated object, in that order of precedence. Does not belong here: what a pipeline is
(its spec).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from blocks.lake import Lake, local_lake
from tasks.contracts.errors import ConfigurationError
from tasks.contracts.names import did_you_mean, is_name

DEPLOYMENTS_FOLDER = Path(__file__).parent.parent / "deployments"


class Settings(BaseModel):
    """What an environment decides. It never changes the data, only where and how it is computed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    environment: str = Field("local", description="The name of the environment.")
    lake_root: Path = Field(Path("lake"), description="Folder of the local lake.")
    gates: Literal["warn", "strict"] = Field(
        "warn", description="Whether a breached threshold is reported or stops the run."
    )
    threads: Annotated[int, Field(ge=1, le=256)] = Field(
        default_factory=lambda: os.cpu_count() or 1, description="Threads of each engine."
    )
    memory_limit: Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?(MB|GB|MiB|GiB)$")] = Field(
        "1500MB", description="Memory that DuckDB may use before it spills to disk."
    )
    retries: Annotated[int, Field(ge=0)] = Field(
        1, description="Retries of a step after a transient failure (a storage error)."
    )
    retry_delay_seconds: Annotated[float, Field(ge=0)] = Field(
        60, description="Delay before the first retry."
    )

    def lake(self, bronze: Path | None = None) -> Lake:
        """Return the environment's lake, or one that reads bronze in place from `bronze`."""
        return local_lake(self.lake_root, bronze)


_VARIABLES = {
    "MEDALLION_LAKE": "lake_root",
    "MEDALLION_GATES": "gates",
    "MEDALLION_THREADS": "threads",
    "MEDALLION_MEMORY_LIMIT": "memory_limit",
    "MEDALLION_RETRIES": "retries",
    "MEDALLION_RETRY_DELAY_SECONDS": "retry_delay_seconds",
}


def load_settings(
    environment: str | None = None,
    *,
    variables: Mapping[str, str] | None = None,
    folder: Path = DEPLOYMENTS_FOLDER,
    **overrides: Any,
) -> Settings:
    """Merge defaults, `deployments/<environment>.yml`, variables and `overrides` (None: not given).

    The environment is the parameter, else MEDALLION_ENV, else `local`. Raises ConfigurationError
    naming the file or variable that is wrong.
    """
    variables = os.environ if variables is None else variables
    name = environment or variables.get("MEDALLION_ENV") or "local"
    merged: dict[str, Any] = {"environment": name} | _environment_file(name, folder)
    merged |= {key: variables[var] for var, key in _VARIABLES.items() if variables.get(var)}
    merged |= {key: value for key, value in overrides.items() if value is not None}
    try:
        return Settings.model_validate(merged)
    except ValidationError as error:
        raise ConfigurationError(_problems(name, error)) from error


def _environment_file(name: str, folder: Path) -> dict[str, Any]:
    path = folder / f"{name}.yml"
    if not is_name(name) or not path.is_file():
        known = sorted(p.stem for p in folder.glob("*.yml"))
        raise ConfigurationError(f"no environment '{name}'{did_you_mean(name, known)}")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path.name}: {error}") from error
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path.name}: must be a mapping of settings")
    return content


def _problems(name: str, error: ValidationError) -> str:
    lines = []
    for problem in error.errors():
        setting = ".".join(str(part) for part in problem["loc"])
        hint = ""
        if problem["type"] == "extra_forbidden":
            hint = did_you_mean(setting, Settings.model_fields)
        lines.append(f"{setting}: {problem['msg']}{hint}")
    return f"environment '{name}': " + "; ".join(lines)
