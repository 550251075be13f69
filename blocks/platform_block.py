"""The Prefect block that is one environment: where its data lies and how it is computed.

Belongs here: composing the blocks of lake, warehouse and catalog with what else an environment
decides. Does not belong here: what of it a run may override (`settings.py`).
"""

from __future__ import annotations

from typing import Any

from prefect.blocks.core import Block
from pydantic import ConfigDict, Field, SecretStr

from blocks.catalog_blocks import AnyCatalog
from blocks.kept_schema import KeptSchema
from blocks.lake_blocks import DOCUMENTATION, AnyLake, LocalLake
from blocks.observability_settings import LineagePlace, TelemetryPlace
from blocks.settings import EnvironmentDecisions
from blocks.warehouse_blocks import AnyWarehouse


class MedallionPlatform(KeptSchema, EnvironmentDecisions, Block):
    """One environment of the lakehouse: its lake, warehouse and catalog, and how runs behave in it.

    It is saved under the environment's name, which flows take as the parameter `environment`.

    Example:
        ```python
        from blocks import MedallionPlatform, DuckDbWarehouse, LocalLake

        MedallionPlatform(
            lake=LocalLake(root="/srv/lake"),
            warehouse=DuckDbWarehouse(database="/srv/warehouse.duckdb"),
            load_warehouse=True,
            gates="strict",
            retries=3,
            retry_delay_seconds=300,
            retry_backoff=True,
            retry_cap_seconds=1800,
        ).save("BLOCK_NAME", overwrite=True)

        platform = MedallionPlatform.load("BLOCK_NAME")
        assert platform.lake.layer_roots()["gold"] == "/srv/lake/gold"
        assert platform.decisions()["gates"] == "strict"
        ```
    """

    _block_type_name = "Medallion Platform"
    _documentation_url = DOCUMENTATION

    model_config = ConfigDict(hide_input_in_errors=True)

    lake: AnyLake = Field(
        default_factory=LocalLake, description="Block that says where the layers of the lake are."
    )
    warehouse: AnyWarehouse | None = Field(
        None, description="Block of the warehouse that published tables are loaded into."
    )
    catalog: AnyCatalog | None = Field(
        None,
        description="Block of the Iceberg catalog that shows what is published; a SQLite file in "
        "the lake without one, where that is a folder.",
    )
    mask_key: SecretStr | None = Field(None, description="Key with which columns are masked.")

    lineage: LineagePlace = Field(
        LineagePlace(), description="Where OpenLineage events of runs go; nowhere by default."
    )
    lineage_api_key: SecretStr | None = Field(
        None, description="Key that the server for lineage events asks for."
    )
    telemetry: TelemetryPlace = Field(
        TelemetryPlace(), description="Where traces and metrics of runs go; nowhere by default."
    )
    telemetry_api_key: SecretStr | None = Field(
        None, description="Key that the collector of traces and metrics asks for."
    )

    def decisions(self) -> dict[str, Any]:
        """Return what `merge_settings` takes as said by an environment; secrets stay secret."""
        plain = {name: getattr(self, name) for name in EnvironmentDecisions.model_fields}
        said = plain | {"lake": _filled(self.lake.places()), "mask_key": self.mask_key}
        said["lineage"] = _filled(self.lineage) | _key(self.lineage_api_key)
        said["telemetry"] = _filled(self.telemetry) | _key(self.telemetry_api_key)
        if self.warehouse is not None:
            said["warehouse"] = _filled(self.warehouse.warehouse())
        if self.catalog is not None:
            said["catalog"] = _filled(self.catalog.catalog())
        return {name: value for name, value in said.items() if value is not None}


def _filled(settings: Any) -> dict[str, Any]:
    return {name: value for name, value in settings if value is not None}


def _key(key: SecretStr | None) -> dict[str, SecretStr]:
    return {} if key is None else {"api_key": key}
