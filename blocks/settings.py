"""Settings of an environment: the only place where environment variables are read.

Belongs here: merging what an environment says (its file, or the block that was saved of it),
`MEDALLION_*` variables and explicit parameters into one validated object, in that order of
precedence. Does not belong here: what a pipeline is (its spec).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from blocks.artifact_files import artifact_of_environment, chosen_artifact, sole_environment
from blocks.catalog_settings import (
    CatalogSettings,
    PostgresSettings,
    RestSettings,
    SqliteSettings,
)
from blocks.environment_files import DEPLOYMENTS_FOLDER, read_environment
from blocks.lake import Lake, open_lake
from blocks.lake_places import LocalPlaces, Places, places_at, root_text
from blocks.observability_settings import LineageSettings, TelemetrySettings
from blocks.secrets import HeldSecret
from blocks.store import Store
from blocks.stores.opening import open_store
from blocks.warehouse_settings import WarehouseSettings
from tasks.contracts.errors import ConfigurationError
from tasks.contracts.names import did_you_mean

Stage = Literal["bronze", "dimensions", "silver", "enriched", "gold"]
STAGES: tuple[Stage, ...] = ("bronze", "dimensions", "silver", "enriched", "gold")
MOST_RETRIES = 50  # Prefect's limit


class EnvironmentDecisions(BaseModel):
    """What an environment decides beside its places, the same in its file and in its block."""

    gates: Literal["warn", "strict"] = Field(
        "warn", description="Whether a breached threshold is reported or stops the run."
    )
    stages: tuple[Stage, ...] = Field(
        STAGES,
        description="The stages that a run computes: all, or the first ones of bronze, dimensions, "
        "silver, enriched and gold.",
    )
    publish: bool = Field(True, description="Whether readers get to see what a run computed.")
    load_warehouse: bool = Field(
        False, description="Whether published tables are loaded into the warehouse."
    )
    sync_catalog: bool = Field(
        True, description="Whether published tables are shown as Iceberg tables in the catalog."
    )
    gold_engine: Literal["duckdb", "warehouse"] = Field(
        "duckdb", description="Where gold is computed: in the run's own DuckDB or in the warehouse."
    )
    threads: Annotated[int, Field(ge=1, le=256)] | None = Field(
        None, description="Threads of each engine; as many as the machine has cores if left out."
    )
    memory_limit: Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?(MB|GB|MiB|GiB)$")] = Field(
        "1500MB", description="Memory that DuckDB may use before it spills to disk."
    )
    retries: Annotated[int, Field(ge=0, le=MOST_RETRIES)] = Field(
        1, description="Retries of a step after a transient failure (a storage error)."
    )
    retry_delay_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        60, description="Delay before the first retry."
    )
    retry_backoff: bool = Field(
        False, description="Whether each further delay is twice the one before it."
    )
    retry_cap_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = Field(
        None, description="The longest delay, however often it has doubled; none if left out."
    )

    @field_validator("stages", mode="before")
    @classmethod
    def _stages_of_a_text(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value

    @field_validator("stages")
    @classmethod
    def _no_stage_before_its_inputs(cls, value: tuple[Stage, ...]) -> tuple[Stage, ...]:
        if not value or value != STAGES[: len(value)]:
            raise ValueError(f"each stage needs the ones before it: {', '.join(STAGES)}")
        return value


class Settings(EnvironmentDecisions):
    """What an environment decides. It never changes the data, only where and how it is computed."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, validate_by_name=True
    )

    environment: str = Field("local", description="The name of the environment.")
    places: Places = Field(
        default_factory=LocalPlaces, alias="lake", description="Where the layers of the lake are."
    )
    warehouse: WarehouseSettings | None = Field(
        None, description="The warehouse that published tables are loaded into."
    )
    catalog: CatalogSettings | None = Field(
        None,
        description="The Iceberg catalog; a SQLite file in the lake if left out, where that is a "
        "folder, and none where it is not.",
    )
    mask_key: HeldSecret | None = Field(None, description="Key with which columns are masked.")
    lineage: LineageSettings = Field(
        LineageSettings(), description="Where OpenLineage events of runs go; nowhere by default."
    )
    telemetry: TelemetrySettings = Field(
        TelemetrySettings(), description="Where traces and metrics of runs go; nowhere by default."
    )
    threads: Annotated[int, Field(ge=1, le=256)] = Field(
        default_factory=lambda: os.cpu_count() or 1, description="Threads of each engine."
    )

    @model_validator(mode="before")
    @classmethod
    def _lake_below_one_root(cls, values: Any) -> Any:
        """Let `lake_root` stand for a lake whose layers all lie below it."""
        if isinstance(values, dict) and values.get("lake_root") is not None:
            values = dict(values)
            values["lake"] = places_at(values.pop("lake_root"), values.pop("lake", None))
        return values

    @model_validator(mode="after")
    def _warehouse_is_there(self) -> Self:
        if self.warehouse is None and (self.load_warehouse or self.gold_engine == "warehouse"):
            raise ValueError("load_warehouse and gold_engine: warehouse need a warehouse")
        return self

    def catalog_of(self, lake: Lake) -> SqliteSettings | PostgresSettings | RestSettings | None:
        """Return the catalog that shows what is published in `lake`, if any does."""
        if not self.sync_catalog:
            return None
        if self.catalog is None:
            return SqliteSettings() if lake.control.local_path("") is not None else None
        return self.catalog

    @property
    def lake_root(self) -> str:
        """The root of control data, a path of a folder or a URL."""
        return self.places.layer_roots()["control"]

    @property
    def publishes(self) -> bool:
        """Whether readers get to see anything: without silver there is no table."""
        return self.publish and "silver" in self.stages

    @property
    def retry_delays(self) -> list[float]:
        """The delay before each retry, in seconds."""
        cap = self.retry_cap_seconds
        growth = 2 if self.retry_backoff else 1
        delays = [self.retry_delay_seconds * growth**n for n in range(self.retries)]
        return [delay if cap is None else min(delay, cap) for delay in delays]

    def lake(self, bronze: str | Path | None = None) -> Lake:
        """Return the environment's lake, or one that reads bronze in place from `bronze`.

        Raises ConfigurationError where a secret that opens it is missing.
        """
        foreign = self.store_at(bronze) if bronze is not None else None
        return open_lake(self.places.layer_roots(), foreign, **self.places.opening())

    def store_at(self, root: str | Path) -> Store:
        """Return the store at a root outside of the lake: a folder, or a bucket with a prefix.

        What opens the lake opens a bucket of the same kind; one of another kind is opened by what
        the machine itself is allowed to. Raises ConfigurationError.
        """
        text, kind = root_text(root), self.places.SCHEME
        access = self.places.opening() if kind and text.startswith(kind) else {}
        return open_store(text, **access)


_VARIABLES = {
    "MEDALLION_LAKE": "lake_root",
    "MEDALLION_GATES": "gates",
    "MEDALLION_STAGES": "stages",
    "MEDALLION_PUBLISH": "publish",
    "MEDALLION_LOAD_WAREHOUSE": "load_warehouse",
    "MEDALLION_SYNC_CATALOG": "sync_catalog",
    "MEDALLION_GOLD_ENGINE": "gold_engine",
    "MEDALLION_THREADS": "threads",
    "MEDALLION_MEMORY_LIMIT": "memory_limit",
    "MEDALLION_RETRIES": "retries",
    "MEDALLION_RETRY_DELAY_SECONDS": "retry_delay_seconds",
    "MEDALLION_RETRY_BACKOFF": "retry_backoff",
    "MEDALLION_RETRY_CAP_SECONDS": "retry_cap_seconds",
    "MEDALLION_MASK_KEY": "mask_key",
}


def load_settings(
    environment: str | None = None,
    *,
    variables: Mapping[str, str] | None = None,
    folder: Path = DEPLOYMENTS_FOLDER,
    **overrides: Any,
) -> Settings:
    """Merge defaults, `deployments/<environment>.yml`, variables and `overrides` (None: not given).

    A process that runs from an artifact takes what that says in place of the file's. Raises
    ConfigurationError naming the file or variable that is wrong.
    """
    name = environment_name(environment, variables)
    place = artifact_place(variables) if folder == DEPLOYMENTS_FOLDER else None
    if place is None:
        said = read_environment(name, folder)
    else:
        said = artifact_of_environment(place, name).settings
    return merge_settings(name, said, variables, overrides)


def environment_name(environment: str | None, variables: Mapping[str, str] | None = None) -> str:
    """Return the environment that is meant: the parameter, MEDALLION_ENV, an artifact's, `local`.

    Only a name leads to `prod`, or an artifact of it.
    """
    variables = os.environ if variables is None else variables
    named = environment or variables.get("MEDALLION_ENV")
    return named or sole_environment(artifact_place(variables)) or "local"


def artifact_place(variables: Mapping[str, str] | None = None) -> Path | None:
    """Return the artifact or folder of artifacts that this process runs from, if it does."""
    variables = os.environ if variables is None else variables
    named = variables.get("MEDALLION_ARTIFACT")
    return chosen_artifact() or (Path(named) if named else None)


def merge_settings(
    name: str,
    said: Mapping[str, Any],
    variables: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Settings:
    """Merge what environment `name` said with variables and `overrides`.

    Raises ConfigurationError; it names settings and quotes none of their values.
    """
    variables = os.environ if variables is None else variables
    merged: dict[str, Any] = {
        key: variables[var] for var, key in _VARIABLES.items() if variables.get(var)
    }
    merged |= {"mask_key": SecretStr(merged["mask_key"])} if "mask_key" in merged else {}
    merged |= {key: value for key, value in (overrides or {}).items() if value is not None}
    return settings_as_said(name, {**said, **merged}, variables)


def settings_as_said(
    name: str, said: Mapping[str, Any], variables: Mapping[str, str] | None = None
) -> Settings:
    """Return the settings of environment `name` as they are said, with nothing overridden.

    `variables` serve to look up secrets. Raises ConfigurationError like `merge_settings`.
    """
    variables = os.environ if variables is None else variables
    if "environment" in said:
        raise ConfigurationError(f"environment '{name}': environment: the file's name is the name")
    try:
        return Settings.model_validate(
            {"environment": name, **said}, context={"variables": variables}
        )
    except ValidationError as error:
        problems = _problems(error)
        text = f"environment '{name}': " + "; ".join(problems)
        raise ConfigurationError(text, problems) from None


def _problems(error: ValidationError) -> list[str]:
    lines = []
    for problem in error.errors(include_input=False, include_context=False, include_url=False):
        setting = _setting(problem["loc"])
        hint = ""
        if problem["type"] == "extra_forbidden" and len(problem["loc"]) == 1:
            hint = did_you_mean(setting, {"lake", "lake_root", *Settings.model_fields} - {"places"})
        told = problem["msg"].removeprefix("Value error, ")
        lines.append(f"{setting}: {told}{hint}" if setting else told)
    return lines


def _setting(location: tuple[int | str, ...]) -> str:
    """The path of a setting, without what pydantic puts between a field and its alternatives."""
    noise = ("local", "gcs", "s3", "duckdb", "bigquery", "sqlite", "postgres", "rest")
    parts = [
        part
        for place, part in enumerate(location)
        if not (place == 1 and part in noise and location[0] in ("lake", "warehouse", "catalog"))
        and not (isinstance(part, str) and "[" in part)
    ]
    return ".".join(str(part) for part in parts)
