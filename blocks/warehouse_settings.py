"""Which warehouse an environment has, as plain settings.

Belongs here: what names a warehouse and opens it. Does not belong here: loading tables into it,
and the Prefect blocks that hold these settings (`warehouse_blocks.py`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from blocks.secrets import HeldCredentials

_PLAIN = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class DuckDbBase(BaseModel):
    """A DuckDB file as warehouse: for a laptop, and for trying a load."""

    kind: Literal["duckdb"] = Field("duckdb", description="The kind of warehouse.")
    database: Annotated[str, Field(pattern=r"^[^\x00?]+$")] = Field(
        "lake/warehouse.duckdb", description="File of the database."
    )


class BigQueryBase(BaseModel):
    """Google BigQuery as warehouse."""

    kind: Literal["bigquery"] = Field("bigquery", description="The kind of warehouse.")
    project: Annotated[str, Field(pattern=r"^[a-z][a-z0-9:.-]{4,60}[a-z0-9]$")] = Field(
        description="Project that holds the datasets and pays for the jobs."
    )
    dataset_prefix: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")] = Field(
        "medallion",
        description="First part of the datasets' names: <prefix>_<pipeline>_<layer>.",
    )
    location: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]*$")] = Field(
        "EU", description="Location of the datasets."
    )
    endpoint: str | None = Field(
        None, description="URL of another server that speaks the protocol of BigQuery."
    )

    def dataset(self, pipeline: str, layer: str) -> str:
        """Return the name of the dataset that holds `layer` of `pipeline`."""
        return f"{self.dataset_prefix}_{pipeline}_{layer}"


class DuckDbSettings(DuckDbBase):
    """Settings of a DuckDB file."""

    model_config = _PLAIN


class BigQuerySettings(BigQueryBase):
    """Settings of BigQuery."""

    model_config = _PLAIN

    credentials: HeldCredentials | None = Field(
        None, description="Key of a service account; Google's default credentials without one."
    )


WarehouseSettings = Annotated[DuckDbSettings | BigQuerySettings, Field(discriminator="kind")]
