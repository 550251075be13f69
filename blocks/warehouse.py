"""The one interface to a warehouse: tables that are replaced partition by partition.

Belongs here: the protocol, and the errors that all of them raise. Does not belong here: a backend
(`warehouses/`), or which partitions are replaced (`tasks/warehouse_plan.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from tasks.contracts.errors import MedallionError
from tasks.contracts.warehouse import DbtTarget, Event, LoadEvent, WarehouseTable


class WarehouseError(MedallionError):
    """The warehouse refused or lost something; names the table, never an address or a secret."""


class WarehouseUnavailableError(WarehouseError, OSError):
    """The warehouse did not answer for the time being, however often it was asked."""


class Warehouse(Protocol):
    """Tables of one pipeline. A partition is written `20240114` (a day) or `202401` (a month).

    All methods raise WarehouseError, or WarehouseUnavailableError where trying again may help.
    """

    def where(self, layer: str, table: str) -> str:
        """Return how people name `table` in the warehouse."""

    def events(self) -> Sequence[LoadEvent]:
        """Return the history of loads; a warehouse without one has none."""

    def record(self, load: str, release: int, run_id: str, event: Event) -> None:
        """Add to the history, at the warehouse's own time."""

    def is_as(self, table: WarehouseTable) -> bool:
        """Tell whether the warehouse has `table` with just these columns, types and partitions."""

    def create(self, table: WarehouseTable) -> None:
        """Make `table` anew and empty; one of this name is dropped."""

    def replace(self, table: WarehouseTable, partition: str | None, rows: Path) -> int:
        """Put the rows of a Parquet file in place of a partition's, or of all; return how many.

        Readers see the old rows or the new ones. Rows of another partition are an error.
        """

    def clear(self, table: WarehouseTable, partition: str) -> None:
        """Take a partition away; one that is not there is no error."""

    def counts(self, table: WarehouseTable) -> dict[str | None, int]:
        """Return the rows by partition; None stands for all of a table without any."""

    def rows(self, layer: str, tables: Sequence[str]) -> dict[str, int]:
        """Return how many rows each of `tables` of `layer` has."""

    def promote(self, source: str, layer: str, tables: Mapping[str, str]) -> None:
        """Put tables of layer `source` in place of those of `layer`, each at once.

        `tables` are {name in `source`: name in `layer`}.
        """

    def fetch(self, layer: str, table: str, target: Path) -> None:
        """Write all rows of `table` to a Parquet file; moments are in UTC and do not say so."""

    def dbt_target(self, building: str) -> DbtTarget:
        """Return where dbt builds gold, in layer `building`, of the other layers."""

    def close(self) -> None:
        """Let go of connections."""
