"""Dimension snapshots of a first run: the surviving rows as of the run date.

Belongs here: what a snapshot holds. Does not: the freshness gate, which may keep an older
snapshot only while its inputs are unchanged.
"""

from collections.abc import Mapping
from datetime import date

from .schema import CONTRACTS
from .silver import Refined
from .table import Table, table_of

DIMENSIONS = ("customers", "product_catalog")


def dimension_tables(refined: Mapping[str, Refined], run_date: date) -> dict[str, Table]:
    """`dims.customers` and `dims.product_catalog`: silver columns, then snapshot_dt."""
    return {
        f"dims.{name}": table_of(
            [*CONTRACTS[name].silver_columns, "snapshot_dt"],
            [{**row, "snapshot_dt": run_date} for row in refined[name].rows],
            CONTRACTS[name].key,
        )
        for name in DIMENSIONS
    }
