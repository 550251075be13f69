"""How a run that ended is told: its summary, its JSON document, its exit status.

Belongs here: one outcome in, text or an error out. Does not belong here: running anything
(`running.py`), or what the summary looks like (`tasks/reports/terminal_summary.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cli.output import err_console, print_json
from tasks.contracts.errors import MedallionError

if TYPE_CHECKING:
    from tasks.contracts.release import PublishedTable
    from tasks.contracts.run_record import RunRecord

NOTICEABLE_SECONDS = 0.5


class RunBrokenError(MedallionError):
    """A run that failed: its text is what went wrong."""


@dataclass(frozen=True)
class Outcome:
    """A run that published, or failed for `cause`; `waited` are seconds for Prefect's API."""

    record: RunRecord
    tables: dict[str, PublishedTable]
    report: str
    cause: BaseException | None
    waited: float


def show(outcome: Outcome, as_json: bool) -> None:
    """Print a run's outcome; raise if it failed, with the exit status of its cause."""
    from tasks.reports.terminal_summary import summary_tables  # noqa: PLC0415

    err_console().print(summary_tables(outcome.record, outcome.report))
    if outcome.waited > NOTICEABLE_SECONDS:
        err_console().print(
            f"waited {outcome.waited:.1f} s for the Prefect API", style="dim", highlight=False
        )
    if as_json:
        print_json(run_document(outcome.record, outcome.tables, outcome.report))
    cause = outcome.cause
    if cause is not None:
        if isinstance(cause, MedallionError):
            raise cause
        raise RunBrokenError(f"{type(cause).__name__}: {cause}") from cause


def run_document(
    record: RunRecord, tables: dict[str, PublishedTable], report: str
) -> dict[str, Any]:
    """Return what `run --json` prints."""
    counts: dict[str, dict[str, Any]] = {
        name: {"rows": table.rows} for name, table in sorted(tables.items()) if not table.internal
    }
    for entry in record.tables:
        figures = counts.setdefault(entry.table, {"rows": entry.rows_out})
        if entry.rows_carried is not None:
            figures["rows_carried"] = entry.rows_carried
        if entry.layer == "silver":
            counts[entry.table] = {
                "bronze": entry.rows_in,
                "bronze_new": entry.rows_new,
                "rows": entry.rows_out,
                "rows_carried": entry.rows_carried,
                "quarantined": entry.quarantined,
                "superseded": entry.superseded,
                "quality": entry.quality.model_dump() if entry.quality else None,
            }
        if entry.expired_batches is not None:
            counts[entry.table]["expired"] = entry.expired_rows
            counts[entry.table]["expired_batches"] = entry.expired_batches
        if entry.reused_from is not None:
            counts[entry.table]["reused_from"] = entry.reused_from
    return {
        "pipeline": record.pipeline,
        "run_id": record.run_id,
        "run_date": record.run_date,
        "release": record.release,
        "built_on": record.built_on,
        "full_because": record.full_because or None,
        "status": record.status,
        "artifact": record.artifact,
        "seconds": record.seconds,
        "stages": {stage.stage: stage.seconds for stage in record.stages},
        "tables": counts,
        "gates": [
            gate.model_dump(include={"layer", "table", "check", "status", "observed", "threshold"})
            for gate in record.gates
        ],
        "catalog": record.catalog.model_dump() if record.catalog is not None else None,
        "report": report,
        "error": record.error,
    }
