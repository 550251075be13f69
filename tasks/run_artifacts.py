"""A run's artifacts in Prefect: its summary, report, gates, tables and lineage, and its progress.

Belongs here: handing payloads to Prefect. Does not belong here: composing them
(`reports/artifacts.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

from tasks.contracts.run_record import RunRecord
from tasks.quality_events import emit, run_events
from tasks.reports.artifacts import (
    gate_rows,
    lineage_markdown,
    of_run,
    run_summary_markdown,
    table_rows,
)
from tasks.reports.gate_lists import tally
from tasks.reports.human_figures import quantity
from tasks.reports.printable_text import printable

if TYPE_CHECKING:
    from uuid import UUID

    from tasks.landing import LandedBatch


def show_in_prefect(record: RunRecord, report: str) -> None:
    """Attach the run's summary, report, gates, tables and lineage to the current flow run.

    What somebody may have to react to is also told as events.
    """
    key, run = _key(record.pipeline), of_run(record)
    create_markdown_artifact(
        f"{run_summary_markdown(record)}\n\nReport: `{report}`\n",
        key=f"{key}-run",
        description=f"Summary of {run}",
    )
    create_link_artifact(
        report if "://" in report else Path(report).absolute().as_uri(),
        link_text=f"Report of {run}",
        key=f"{key}-report",
        description=f"The HTML report of {run}: `{report}`",
    )
    if record.gates:
        create_table_artifact(
            gate_rows(record),
            key=f"{key}-gates",
            description=f"Gates of {run}: {tally(record.gates)}, breaches first",
        )
    if record.tables:
        create_table_artifact(
            table_rows(record),
            key=f"{key}-tables",
            description=f"Tables of {run}: {quantity(len(record.tables), 'table')}",
        )
        create_markdown_artifact(
            lineage_markdown(record),
            key=f"{key}-lineage",
            description=f"What each table of {run} is made of",
        )
    emit(run_events(record))


def show_landed(
    pipeline: str, batches: Iterable[LandedBatch], faults: Mapping[str, Exception]
) -> None:
    """Attach what became of each file to the current flow run; refused files come first."""
    refused: list[dict[str, Any]] = [
        {
            "file": file,
            "status": "refused",
            "table": "",
            "rows": 0,
            "remarks": printable(str(fault)),
        }
        for file, fault in faults.items()
    ]
    landed: list[dict[str, Any]] = [
        {
            "file": batch.source_file,
            "status": "was there before" if batch.already_landed else "landed",
            "table": batch.table,
            "rows": batch.rows,
            "remarks": printable("; ".join(batch.drift)),
        }
        for batch in batches
    ]
    new = sum(row["status"] == "landed" for row in landed)
    create_table_artifact(
        [*refused, *landed],
        key=f"{_key(pipeline)}-landed",
        description=f"{quantity(new, 'file')} landed, {len(landed) - new:,} there before, "
        f"{len(refused):,} refused",
    )


class Progress:
    """How far a flow run is, in steps of the same kind (`stage`, `day`), as a bar in Prefect."""

    def __init__(self, pipeline: str, run: str, steps: int, of: str) -> None:
        self._run, self._steps, self._of, self._done = run, steps, of, 0
        made = create_progress_artifact(
            0.0, key=f"{_key(pipeline)}-progress", description=self._told("begun")
        )
        self._id = cast("UUID", made)  # it would be awaited in an asynchronous flow

    def step(self, what: str) -> None:
        """Tell that one more step is done, and which."""
        self._done += 1
        update_progress_artifact(
            self._id,
            progress=min(100.0, 100.0 * self._done / max(self._steps, 1)),
            description=self._told(what),
        )

    def _told(self, what: str) -> str:
        return f"{self._run}: {self._done} of {quantity(self._steps, self._of)} done ({what})"


def _key(pipeline: str) -> str:
    return pipeline.replace("_", "-")
