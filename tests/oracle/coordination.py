"""An independent, plain-Python reference of the coordination contract, for tests to compare with.

Belongs here: the order in which the layers are computed. It shares no code with the production
pipeline on purpose. `run_id` is left out.
"""

from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from .coordination_gold import counted_tasks, documents, gold_tables
from .coordination_reader import Record, read_feeds
from .coordination_silver import silver_tables
from .table import Table


def coordination_outputs(folder: Path, run_date: date) -> dict[str, Table]:
    """Everything that one run of `run_date` publishes from the files below `folder`.

    Beside the published tables, `accounting` holds the counts.
    """
    return outputs_of(read_feeds(folder, datetime.combine(run_date, time())), run_date)


def outputs_of(feeds: dict[str, list[Record]], run_date: date) -> dict[str, Table]:
    """As `coordination_outputs`, from records by feed."""
    silver = silver_tables(feeds, datetime.combine(run_date, time()))
    return {**silver, **gold_tables(counted_tasks(silver["silver.current_tasks"]), run_date)}


def coordination_documents(outputs: dict[str, Table], run_date: date) -> dict[str, Any]:
    """The JSON documents of these outputs, by file name."""
    return documents(counted_tasks(outputs["silver.current_tasks"]), run_date)
