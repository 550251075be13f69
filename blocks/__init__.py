"""Prefect blocks, storage and settings: what an environment has.

Belongs here: giving out the block classes by name, for `from blocks import S3Lake` and `prefect
block register -m blocks`. Does not belong here: anything that loads Prefect before it is asked
for; the command line imports settings and stores from this package on every start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from blocks.collection import (
        BigQueryDatasets,
        DuckDbWarehouse,
        GcsLake,
        LocalLake,
        MedallionPlatform,
        PostgresCatalog,
        RestCatalog,
        S3Lake,
        SqliteCatalog,
    )

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


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from blocks import collection  # noqa: PLC0415 - Prefect is slow

    return getattr(collection, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
