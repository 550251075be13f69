"""What every step of one run needs to know.

Belongs here: the run's identity, where it writes, and its limits. Does not belong here: anything
that a step finds out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from pathlib import Path

from pydantic import SecretStr

from blocks.lake import Lake
from blocks.settings import Settings
from tasks.contracts.release import PublishedFile, PublishedTable
from tasks.contracts.spec import Spec
from tasks.dbt_runs import DbtEngine
from tasks.logic_fingerprint import logic_of_tables
from tasks.masking import key_fingerprint
from tasks.mirror import Mirror
from tasks.result_keys import Logic


@dataclass(frozen=True)
class RunContext:
    """One run of one pipeline. `started_at` is UTC and names nothing in the data.

    `as_of` is the run date where it was given, not taken from the clock; `artifact` the hash of the
    compiled artifact that the run goes by, if it does.
    """

    spec: Spec
    run_id: str
    run_date: date
    started_at: datetime
    settings: Settings
    lake: Lake
    as_of: date | None = None
    full_refresh: bool = False
    mask_key: SecretStr | None = None
    artifact: str | None = None

    @property
    def pipeline(self) -> str:
        return self.spec.pipeline

    def prefix(self, table: str) -> str:
        """The keys below which this run writes `table`, in the store of its layer."""
        return f"{self.lake.run_prefix(self.pipeline, self.run_id)}/{table}"

    def folder(self, layer: str, table: str) -> Path:
        """The local folder of `prefix`, created."""
        folder = self.mirror.store_of(layer).path(self.prefix(table))
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @property
    def masked_by(self) -> str | None:
        """What tells the key of masked columns from another, if the pipeline masks any."""
        return key_fingerprint(self.mask_key.get_secret_value().encode()) if self.mask_key else None

    @cached_property
    def logic(self) -> Logic:
        """Fingerprints of the code that the run computes by, as it was when first asked for."""
        return logic_of_tables(self.spec)

    @cached_property
    def mirror(self) -> Mirror:
        """Where engines read and write files, of a lake on object stores too."""
        return Mirror(self.lake, self.lake.scratch / "runs" / self.run_id)

    @property
    def work_folder(self) -> Path:
        """Scratch space of the run: profiles, spilled data, row counts. Removed at its end."""
        return self.mirror.store_of("silver").path(self.prefix(".work"))

    @property
    def engine(self) -> DbtEngine:
        return DbtEngine(
            cache=self.lake.dbt_cache,
            work=self.work_folder,
            threads=self.settings.threads,
            memory_limit=self.settings.memory_limit,
            mask_key=self.mask_key,
        )

    def send(self, *tables: PublishedTable) -> None:
        """Bring what this run has written of `tables` to where it can be published."""
        own = f"{self.lake.run_prefix(self.pipeline, self.run_id)}/"
        self.mirror.send(f for table in tables for f in table.files if f.path.startswith(own))

    def urls(self, table: PublishedTable) -> list[str]:
        """Where an engine finds the files of `table`, once they are there; raises ReleaseError."""
        return self.paths(table.files)

    def paths(self, files: Sequence[PublishedFile]) -> list[str]:
        """Where an engine finds `files`, once they are there; raises ReleaseError."""
        return self.mirror.paths(files)
