"""Prefect blocks that say which warehouse an environment has.

Belongs here: one block a kind of warehouse, holding its credentials. Does not belong here: the
plain settings that they share with the files (`warehouse_settings.py`), and loading tables.
"""

from __future__ import annotations

from typing import Annotated

from prefect.blocks.core import Block
from prefect_gcp import GcpCredentials
from pydantic import ConfigDict, Field

from blocks.gcp_keys import key_text
from blocks.kept_schema import KeptSchema
from blocks.lake_blocks import DOCUMENTATION
from blocks.warehouse_settings import BigQueryBase, BigQuerySettings, DuckDbBase, DuckDbSettings


class DuckDbWarehouse(KeptSchema, DuckDbBase, Block):
    """A DuckDB file as warehouse: for a laptop, and for trying a load.

    Example:
        ```python
        from blocks import DuckDbWarehouse

        DuckDbWarehouse(database="/srv/warehouse.duckdb").save("BLOCK_NAME", overwrite=True)

        warehouse = DuckDbWarehouse.load("BLOCK_NAME")
        assert warehouse.database == "/srv/warehouse.duckdb"
        ```
    """

    _block_type_name = "Medallion DuckDB Warehouse"
    _documentation_url = DOCUMENTATION

    model_config = ConfigDict(hide_input_in_errors=True)

    def warehouse(self) -> DuckDbSettings:
        """Return the block's content as plain settings."""
        return DuckDbSettings(database=self.database)


class BigQueryDatasets(KeptSchema, BigQueryBase, Block):
    """Datasets of Google BigQuery as warehouse, one a pipeline and layer.

    Example:
        ```python
        from blocks import BigQueryDatasets

        BigQueryDatasets(project="shop-data", dataset_prefix="prod", location="EU").save(
            "BLOCK_NAME", overwrite=True
        )

        warehouse = BigQueryDatasets.load("BLOCK_NAME")
        assert warehouse.dataset("ecommerce", "gold") == "prod_ecommerce_gold"
        ```
    """

    _block_type_name = "Medallion BigQuery Datasets"
    _documentation_url = DOCUMENTATION

    model_config = ConfigDict(hide_input_in_errors=True)

    credentials: GcpCredentials | None = Field(
        None, description="Service account; Google's default credentials without one."
    )

    def warehouse(self) -> BigQuerySettings:
        """Return the block's content as plain settings, the key as a secret."""
        shared = {name: getattr(self, name) for name in BigQueryBase.model_fields}
        return BigQuerySettings(**shared, credentials=key_text(self.credentials))


AnyWarehouse = Annotated[DuckDbWarehouse | BigQueryDatasets, Field(discriminator="kind")]
