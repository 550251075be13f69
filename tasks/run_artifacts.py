"""A run's artifacts in Prefect: its summary, gate results and tables.

Belongs here: handing payloads to Prefect. Does not belong here: composing them
(`reports/artifacts.py`).
"""

from __future__ import annotations

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from tasks.contracts.run_record import RunRecord
from tasks.reports.artifacts import gate_rows, run_summary_markdown, table_rows


def show_in_prefect(record: RunRecord, report: str) -> None:
    """Attach the run's summary, gates and tables to the current flow run."""
    pipeline = record.pipeline.replace("_", "-")
    create_markdown_artifact(
        f"{run_summary_markdown(record)}\n\nReport: `{report}`\n", key=f"{pipeline}-run"
    )
    create_table_artifact(gate_rows(record), key=f"{pipeline}-gates")
    create_table_artifact(table_rows(record), key=f"{pipeline}-tables")
