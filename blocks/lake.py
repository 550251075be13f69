"""A lake: one store a layer, and where each pipeline keeps what in them.

Belongs here: the layout of the lake (keys, never contents). Does not belong here: reading or
writing the objects, or what they mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from blocks.store import Store
from blocks.stores.local import LocalStore

LAYER_ROOTS = ("bronze", "silver", "gold")


@dataclass(frozen=True)
class Lake:
    """The stores of an environment.

    `control` holds releases, pointers, audit records and reports; `bronze` may be a folder that
    another team writes (then its tables lie directly below it and nothing is landed there).
    """

    control: Store
    bronze: Store
    silver: Store
    gold: Store
    foreign_bronze: bool = False

    def store_of(self, layer: str) -> Store:
        """Return the store of `layer`; dims and enriched tables lie with silver."""
        return {"bronze": self.bronze, "gold": self.gold}.get(layer, self.silver)

    def bronze_prefix(self, pipeline: str) -> str:
        return "" if self.foreign_bronze else f"{pipeline}/"

    @staticmethod
    def pointer_key(pipeline: str) -> str:
        return f"{pipeline}/_latest.json"

    @staticmethod
    def release_key(pipeline: str, number: int) -> str:
        return f"{pipeline}/_releases/{number}.json"

    @staticmethod
    def run_prefix(pipeline: str, run_id: str) -> str:
        return f"{pipeline}/runs/{run_id}"

    @staticmethod
    def dimension_prefix(pipeline: str) -> str:
        return f"{pipeline}/dims"

    @staticmethod
    def audit_key(pipeline: str, run_id: str) -> str:
        return f"{pipeline}/_audit/{run_id}.parquet"

    @staticmethod
    def record_key(pipeline: str, run_id: str) -> str:
        return f"{pipeline}/_audit/{run_id}.json"

    @staticmethod
    def reports_prefix(pipeline: str, run_id: str) -> str:
        return f"{pipeline}/reports/{run_id}"


def local_lake(root: Path, bronze: Path | None = None) -> Lake:
    """A lake in the folder `root`, with bronze inside it or read in place from `bronze`."""
    return Lake(
        control=LocalStore(root),
        bronze=LocalStore(bronze if bronze is not None else root / "bronze"),
        silver=LocalStore(root / "silver"),
        gold=LocalStore(root / "gold"),
        foreign_bronze=bronze is not None,
    )
