"""The blocks as a Prefect collection: importing this makes all of them known to Prefect.

Belongs here: the list of block classes that `prefect.collections` and the package `blocks` give
out. Does not belong here: a block.
"""

from __future__ import annotations

from blocks.catalog_blocks import PostgresCatalog, RestCatalog, SqliteCatalog
from blocks.lake_blocks import GcsLake, LocalLake, S3Lake
from blocks.platform_block import MedallionPlatform
from blocks.warehouse_blocks import BigQueryDatasets, DuckDbWarehouse

__all__ = [
    "BigQueryDatasets",
    "DuckDbWarehouse",
    "GcsLake",
    "LocalLake",
    "MedallionPlatform",
    "PostgresCatalog",
    "RestCatalog",
    "S3Lake",
    "SqliteCatalog",
]
