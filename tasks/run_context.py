"""What every step of one run needs to know.

Belongs here: the run's identity, where it writes, and its limits. Does not belong here: anything
that a step finds out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from blocks.lake import Lake
from blocks.settings import Settings
from tasks.contracts.release import PublishedTable
from tasks.contracts.spec import Spec
from tasks.dbt_runs import DbtEngine


@dataclass(frozen=True)
class RunContext:
    """One run of one pipeline. `started_at` is UTC and names nothing in the data.

    `as_of` is the run date where it was given, not taken from the clock.
    """

    spec: Spec
    run_id: str
    run_date: date
    started_at: datetime
    settings: Settings
    lake: Lake
    as_of: date | None = None
    full_refresh: bool = False

    @property
    def pipeline(self) -> str:
        return self.spec.pipeline

    def prefix(self, table: str) -> str:
        """The keys below which this run writes `table`, in the store of its layer."""
        return f"{self.lake.run_prefix(self.pipeline, self.run_id)}/{table}"

    def folder(self, layer: str, table: str) -> Path:
        """The local folder of `prefix`, created."""
        folder = Path(self.lake.store_of(layer).url(self.prefix(table)))
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @property
    def work_folder(self) -> Path:
        """Scratch space of the run: profiles, spilled data, row counts. Removed at its end."""
        return Path(self.lake.silver.url(self.prefix(".work")))

    @property
    def engine(self) -> DbtEngine:
        return DbtEngine(
            cache=Path(self.lake.control.url(f"{self.pipeline}/.dbt")),
            work=self.work_folder,
            threads=self.settings.threads,
            memory_limit=self.settings.memory_limit,
        )

    def urls(self, table: PublishedTable) -> list[str]:
        """Where an engine finds the files of `table`."""
        return [self.lake.store_of(file.root).url(file.path) for file in table.files]
