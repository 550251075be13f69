"""What is known of a run while it goes on, and the record that it becomes.

Belongs here: collecting tables, gates and timings from steps that run side by side. Does not
belong here: computing any of them, or writing the record (`audit.py`).
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterable, Iterator
from typing import Literal

from tasks.backfill import Turns
from tasks.bronze_inventory import BronzeTable
from tasks.contracts.changes import TableChange
from tasks.contracts.release import PublishedTable, SilverCounts
from tasks.contracts.run_record import (
    CatalogRecord,
    DayFigure,
    GateResult,
    PastRun,
    RunRecord,
    RunStatus,
    StageRecord,
    TableRecord,
)
from tasks.contracts.spec import Spec
from tasks.contracts.table_result import TableResult
from tasks.daily_files import files_of_run
from tasks.dbt_runs import DbtNode
from tasks.gates import enforce
from tasks.observing import Observers
from tasks.run_base import Base
from tasks.run_context import RunContext
from tasks.run_plan import RunPlan
from tasks.silver import SilverBuild

log = logging.getLogger("medallion")


class RunState:
    """A plain object on purpose: Prefect walks through dataclasses and models given to tasks."""

    def __init__(self, run: RunContext) -> None:
        self.run = run
        self.base = Base(None)
        self.plan: RunPlan | None = None
        self.turns: Turns | None = None
        self.published: int | None = None  # the release, once it is
        self.repeated: int | None = None  # the release that another run has published meanwhile
        self.inventory: dict[str, BronzeTable] = {}
        self.changes: dict[str, TableChange] = {}
        self.builds: dict[str, SilverBuild] = {}
        self.tables: dict[str, PublishedTable] = {}
        self.records: dict[str, TableRecord] = {}
        self.gates: list[GateResult] = []
        self.results: dict[str, TableResult] = {}  # of other runs, that the plan counts on
        self.keys: list[tuple[dict[str, PublishedTable], dict[str, str]]] = []
        self.reused: dict[str, TableResult] = {}  # those of them that were taken over
        self.compiled: tuple[DbtNode, ...] = ()  # the SQL that gold was built by
        self.observers = Observers()
        self.reasons: dict[str, dict[str, int]] = {}
        self.stages: list[StageRecord] = []
        self.catalog: CatalogRecord | None = None
        self.revenue: tuple[DayFigure, ...] = ()
        self.history: tuple[PastRun, ...] = ()
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self._began

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage, and record whether it was done."""
        offset = self.seconds
        status: Literal["done", "failed"] = "failed"
        error: str | None = None
        self.tell(f"{name} ...", stage=name)
        self.observers.stage_began(self, name, offset)
        try:
            yield
            status = "done"
        except BaseException as raised:
            error = str(raised) or type(raised).__name__
            raise
        finally:
            seconds = self.seconds - offset
            ended = StageRecord(stage=name, status=status, offset_seconds=offset, seconds=seconds)
            self.stages.append(ended)
            self.tell(f"{name} {status} in {seconds:.1f} s", stage=name, status=status)
            self.observers.stage_ended(self, ended, error)

    def turn(self, stage: str) -> contextlib.AbstractContextManager[None]:
        """Wait for the days before this one, if this is a day of a backfill."""
        if self.turns is None:
            return contextlib.nullcontext()
        return self.turns.turn(stage, self.run.run_date)

    @property
    def silver_counts(self) -> dict[str, SilverCounts]:
        """How the bronze rows of each table were judged."""
        return {name: made.counts[name] for name, made in self.builds.items()}

    def kept(self, table: str) -> PublishedTable | None:
        """Return the base's `table` if the plan keeps it; without a plan nothing is kept."""
        if self.plan is None or self.base.release is None or not self.plan.keeps(table):
            return None
        return self.base.release.tables[table]

    def use_snapshot(self, name: str, table: PublishedTable) -> None:
        """Take a snapshot into the run; give the plan up if it counted on that of the base.

        Another run may have refreshed the dimension since. Without a plan nothing is kept unseen.
        """
        self.tables[name] = table
        planned = self.plan.tables.get(name) if self.plan is not None else None
        before = self.base.release.tables.get(name) if self.base.release else None
        if planned is not None and planned.as_released and table != before:
            self.plan = None

    def tell(self, message: str, **fields: object) -> None:
        """Log progress: a line for a person, fields for a machine."""
        log.info(message, extra={"run_id": self.run.run_id, "fields": fields})

    def judge(self, gates: Iterable[GateResult]) -> None:
        """Keep gate results and log the breaches."""
        for gate in gates:
            self.gates.append(gate)
            if gate.status != "pass":
                text = f"{gate.layer}.{gate.table}: {gate.check}: {gate.message}"
                log.warning(text, extra={"run_id": self.run.run_id, "fields": gate.model_dump()})

    def forget(self, layer: str) -> None:
        """Drop the gate results of `layer`, which is judged again."""
        self.gates = [gate for gate in self.gates if gate.layer != layer]

    def pass_gate(self, layer: str) -> None:
        """Raise if a check of `layer` stops the run."""
        enforce(gate for gate in self.gates if gate.layer == layer)

    def record(self, *, release: int | None = None, error: str | None = None) -> RunRecord:
        """Return the run's record as of now."""
        status: RunStatus = "computed" if self.repeated is None else "unchanged"
        if release is not None:
            status = "published"
        chart = self.run.spec.chart
        names = [name for name in _declared(self.run.spec) if name in self.records]
        return RunRecord(
            pipeline=self.run.pipeline,
            run_id=self.run.run_id,
            run_date=self.run.run_date,
            environment=self.run.settings.environment,
            gate_mode=self.run.settings.gates,
            status="failed" if error else status,
            release=release,
            started_at=self.run.started_at,
            seconds=self.seconds,
            error=error,
            artifact=self.run.artifact,
            built_on=self.base.release.release if self.base.release else None,
            full_because=self.base.reason,
            stages=tuple(self.stages),
            tables=tuple(self._with_carried(self.records[name]) for name in names),
            gates=tuple(self.gates),
            quarantine_reasons={table: counts for table, counts in self.reasons.items() if counts},
            catalog=self.catalog,
            drift=tuple(line for t in self.inventory.values() for line in t.drift),
            revenue_title=chart.title if chart is not None else "",
            revenue=self.revenue,
            history=self.history,
        )

    def _with_carried(self, record: TableRecord) -> TableRecord:
        """Add what of a table was there before; a snapshot belongs to its day, not to a run."""
        table = self.tables.get(record.table)
        if table is None or record.layer == "dims":
            return record
        own = files_of_run(self.run, table)
        figures: dict[str, int | str] = {
            "rows_carried": table.rows - own.rows,
            "files_carried": len(table.files) - len(own.files),
        }
        if table.view is not None:  # nothing of it lies in files
            figures["rows_carried"] = table.rows if self.kept(record.table) else 0
        if record.table in self.reused:
            figures["reused_from"] = self.reused[record.table].run_id
        bare = record.table.partition(".")[2]
        if record.layer == "silver" and bare in self.inventory:
            found = self.inventory[bare]
            figures["rows_new"] = found.without(self.base.known(bare)).rows
            if found.expired:
                figures["expired_rows"] = found.expired_rows
                figures["expired_batches"] = found.expired_batches
        return record.model_copy(update=figures)


def _declared(spec: Spec) -> list[str]:
    """The tables of a run in the order of the layers and, in each, of the specification.

    Steps that run side by side end in any order.
    """
    return [
        *(f"silver.{name}" for table in spec.tables for name in (table.name, *table.shown_beside)),
        *(f"dims.{dimension.name}" for dimension in spec.dimensions),
        *(f"enriched.{transform.name}" for transform in spec.transforms),
        *(f"gold.{fact.name}" for fact in spec.gold),
    ]
