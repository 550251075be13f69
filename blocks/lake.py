"""A lake: one store a layer, and where each pipeline keeps what in them.

Belongs here: the layout of the lake (keys, never contents). Does not belong here: reading or
writing the objects, or what they mean.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blocks.store import Store
from blocks.stores.local import LocalStore
from blocks.stores.opening import open_store
from tasks.contracts.errors import ConfigurationError

LAYER_ROOTS = ("bronze", "silver", "gold")


def default_scratch() -> Path:
    """The folder of this user among the machine's temporary ones."""
    return Path(tempfile.gettempdir()) / f"medallion-{os.getuid()}"


@dataclass(frozen=True)
class Lake:
    """The stores of an environment.

    `control` holds releases, pointers, audit records and reports; `bronze` may be a folder that
    another team writes (then its tables lie directly below it and nothing is landed there).
    `scratch` is a folder of this machine for copies of what lies in object stores, and for caches.
    """

    control: Store
    bronze: Store
    silver: Store
    gold: Store
    foreign_bronze: bool = False
    scratch: Path = field(default_factory=default_scratch)

    def store_of(self, layer: str) -> Store:
        """Return the store of `layer`; dims and enriched tables lie with silver."""
        return {"bronze": self.bronze, "gold": self.gold}.get(layer, self.silver)

    def bronze_prefix(self, pipeline: str) -> str:
        return "" if self.foreign_bronze else f"{pipeline}/"

    @property
    def dbt_cache(self) -> Path:
        """The local folder in which dbt keeps what it parsed, for all lakes of this user."""
        return self.own_scratch() / "dbt"

    def own_scratch(self) -> Path:
        """Return `scratch`, made for this user alone; raises ConfigurationError if it is not."""
        self.scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.scratch.is_symlink() or self.scratch.stat().st_uid != os.getuid():
            raise ConfigurationError(
                f"the scratch folder {self.scratch} belongs to somebody else; remove it, or set "
                "TMPDIR to a folder of your own"
            )
        return self.scratch

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
    def result_key(pipeline: str, key: str) -> str:
        """Where the result of a computed table lies, in the store of its layer."""
        return f"{pipeline}/_results/{key}.json"

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
    def erasure_key(pipeline: str, erasure: str) -> str:
        return f"{pipeline}/_erasures/{erasure}.json"

    @staticmethod
    def iceberg_prefix(pipeline: str, namespace: str, table: str) -> str:
        return f"{pipeline}/_iceberg/{namespace}/{table}"

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


def open_lake(roots: Mapping[str, str], bronze: Store | None = None, **access: Any) -> Lake:
    """A lake with one root a layer: `control`, `bronze`, `silver` and `gold`, paths or URLs.

    `access` opens those that are object stores (see `open_store`); `bronze` is read in place
    instead of the lake's own. Raises ConfigurationError.
    """
    stores = {layer: open_store(roots[layer], **access) for layer in ("control", *LAYER_ROOTS)}
    return Lake(
        control=stores["control"],
        bronze=stores["bronze"] if bronze is None else bronze,
        silver=stores["silver"],
        gold=stores["gold"],
        foreign_bronze=bronze is not None,
    )
