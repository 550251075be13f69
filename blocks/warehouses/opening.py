"""From an environment's settings to its warehouse.

Belongs here: which backend settings stand for. Does not belong here: loading tables into it.
"""

from __future__ import annotations

from blocks.warehouse import Warehouse
from blocks.warehouse_settings import DuckDbSettings, WarehouseSettings


def open_warehouse(settings: WarehouseSettings, pipeline: str) -> Warehouse:
    """Open the part of a warehouse that is `pipeline`'s.

    Raises WarehouseError where it does not open, and ConfigurationError for its credentials.
    """
    if isinstance(settings, DuckDbSettings):
        from blocks.warehouses.duckdb_file import DuckDbFile  # noqa: PLC0415

        return DuckDbFile(settings, pipeline)
    # Loaded only here: Google's libraries take seconds, and a laptop needs none of them.
    from blocks.warehouses.bigquery import BigQuery  # noqa: PLC0415

    return BigQuery(settings, pipeline)
