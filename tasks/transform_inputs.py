"""What a transform reads: all rows of its inputs, or what some of its days depend on.

Belongs here: frames for a transform's arguments, seeds, and what of an enriched table may differ
from the release before. Does not belong here: running a transform (`enrichment.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import polars as pl
from polars.exceptions import PolarsError

from tasks.changed_days import (
    NOTHING,
    WHOLE,
    Days,
    Period,
    changes_nothing,
    days_of_history,
    days_to_compute,
    days_to_read,
)
from tasks.content_hash import content_hash
from tasks.contracts.changes import TableChange
from tasks.contracts.errors import ConfigurationError
from tasks.contracts.release import PublishedTable
from tasks.contracts.spec import Transform
from tasks.daily_files import is_cut_by_day
from tasks.input_rows import InputRows, scan, scan_days

SNAPSHOT_DATE = "snapshot_dt"
SEEDS_FOLDER = Path(__file__).parent.parent / "dbt" / "seeds"
SEED_SCHEMAS: dict[str, dict[str, pl.DataType]] = {
    "region_tax_rates": {"region": pl.String(), "tax_rate": pl.Decimal(9, 6)}
}


def what_differs(
    transform: Transform,
    inputs: InputRows,
    released: PublishedTable,
    base_run_date: date,
    changes: Mapping[str, TableChange],
) -> TableChange:
    """Return what of an enriched table may differ from `released`, that of the base."""
    period = Period(base_run_date, inputs.run.run_date)
    entry, column = transform.incremental, transform.partition_column
    found = {
        # A run on top of a release has the same seeds as the release.
        argument: NOTHING if name.startswith("seeds.") else changes.get(name, WHOLE)
        for argument, name in transform.inputs.items()
    }
    dims = [a for a, name in transform.inputs.items() if name.startswith("dims.")]
    dated = [change for argument, change in found.items() if argument not in dims]
    if entry is None and not changes_nothing(dated, period):
        return WHOLE
    if entry is not None and column is not None and not is_cut_by_day(released, column):
        return WHOLE
    for argument in dims:
        if found[argument] != NOTHING:
            columns = entry.columns.get(argument) if entry is not None else None
            found[argument] = _snapshot_change(inputs, argument, columns)
    return days_to_compute(entry, transform.parameters, found, period, inputs.linked)


def _snapshot_change(
    inputs: InputRows, argument: str, columns: Sequence[str] | None
) -> TableChange:
    """Compare what two snapshots of a dimension say: their dates differ always."""
    name = inputs.names[argument]
    now, before = inputs.tables[name], inputs.released.get(name)
    if before is None or list(now.columns) != list(before.columns):
        return WHOLE
    if columns is None:
        columns = [column for column in now.columns if column != SNAPSHOT_DATE]
    old, new = (content_hash(inputs.run.urls(table), columns) for table in (before, now))
    return NOTHING if old == new else WHOLE


def frames_of(
    transform: Transform,
    inputs: InputRows,
    days: Days | None = None,
    released: PublishedTable | None = None,
) -> dict[str, pl.LazyFrame]:
    """Return a transform's inputs by argument: all rows, or those that its `days` depend on.

    A series that continues its own rows of days before is given those of `released`.
    """
    entry, column = transform.incremental, transform.partition_column
    read: dict[str, Days] = {}
    frames = {}
    if entry is not None and days is not None:
        read = days_to_read(entry, transform.parameters, days, inputs.linked)
        if entry.history and released is not None and column is not None:
            before = days_of_history(entry, transform.parameters, days)
            frames["history"] = scan_days(inputs.run, [released], column, before)
    for argument, name in transform.inputs.items():
        layer, _, table = name.partition(".")
        if layer == "seeds":
            frames[argument] = read_seed(table)
        elif argument in read:
            frames[argument] = inputs.of_days(argument, read[argument])
        else:
            frames[argument] = scan(inputs.run, inputs.tables[name])
        if entry is not None and argument in entry.columns:
            frames[argument] = frames[argument].select(entry.columns[argument])
    return frames


def read_seed(name: str, folder: Path = SEEDS_FOLDER) -> pl.LazyFrame:
    """Read a dbt seed; raises ConfigurationError naming the file, line by line if need be."""
    path = folder / f"{name}.csv"
    if name not in SEED_SCHEMAS:
        raise ConfigurationError(f"no seed '{name}'; known: {', '.join(SEED_SCHEMAS)}")
    try:
        seed = pl.read_csv(path, schema=SEED_SCHEMAS[name])
    except (OSError, PolarsError) as error:
        wanted = ", ".join(f"{column} {kind}" for column, kind in SEED_SCHEMAS[name].items())
        raise ConfigurationError(f"seed {path.name} must hold {wanted}: {error}") from error
    return seed.lazy()
