"""An independent, plain-Python reference of the clickstream contract, for tests to compare with.

Belongs here: the order in which the layers are computed. It shares no code with the production
pipeline on purpose. Columns that name a run are filled as one run of `run_date` over all files
would; `run_id` is left out, and `without` drops the others.
"""

from collections.abc import Iterable
from datetime import date, datetime, time
from decimal import localcontext
from pathlib import Path

from . import EXACT_DIGITS
from .clickstream_bronze import read_events
from .clickstream_gold import gold_tables
from .clickstream_silver import accounting, refine, silver_tables
from .table import Table

RUN_COLUMNS = ("processed_timestamp", "ingestion_timestamp", "created_at", "run_id")


def clickstream_outputs(folder: Path, run_date: date) -> dict[str, Table]:
    """Everything that one run of `run_date` publishes from the files under `folder`.

    `folder` may be one file. Beside the published tables, `accounting` holds the row counts.
    """
    logical_time = datetime.combine(run_date, time())
    with localcontext() as context:
        context.prec = EXACT_DIGITS
        events = refine(read_events(folder, logical_time), logical_time)
        return {
            **silver_tables(events),
            **gold_tables(events.rows, run_date),
            "accounting": accounting(events),
        }


def without(table: Table, columns: Iterable[str] = RUN_COLUMNS) -> Table:
    """The table without these columns: by default those that tell in which run a row was made."""
    dropped = set(columns)
    kept = [at for at, name in enumerate(table.columns) if name not in dropped]
    rows = [tuple(row[at] for at in kept) for row in table.rows]
    return Table([table.columns[at] for at in kept], rows, table.key)
