"""The result of a computed table, as it lies beside the runs: what a later run may take over.

Belongs here: the model of `_results/<key>.json`. Does not belong here: the key (`result_keys.py`),
or reading and writing (`table_results.py`).
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.contracts.changes import TableChange
from tasks.contracts.release import PublishedTable, SilverCounts


class TableResult(BaseModel):
    """A table with its files and figures, found by the hash of all that decided it.

    Dates and partitions tell what differs from the release that the run built on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal["1.0"] = "1.0"
    key: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    table: str = Field(description="With its layer: `silver.orders`.")
    run_id: Annotated[str, Field(pattern=r"^\w[\w.-]*$")] = Field(
        description="The run that has written it."
    )
    tables: dict[str, PublishedTable] = Field(
        description="The table, and for one of silver its quarantine."
    )
    changed_whole: bool
    changed_dates: tuple[date, ...] = ()
    counts: SilverCounts | None = Field(None, description="Of silver: how rows were judged.")
    touched: tuple[str, ...] | None = Field(
        None, description="Of silver: partitions that differ; None: it was computed whole."
    )
    rewritten: tuple[str, ...] | None = Field(
        None, description="Of silver: touched partitions that hold released rows, too."
    )

    @property
    def change(self) -> TableChange:
        """What of the table differs from the release that the run built on."""
        return TableChange(whole=self.changed_whole, dates=frozenset(self.changed_dates))
