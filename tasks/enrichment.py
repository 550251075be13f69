"""Enriched silver: running one transform over published files and judging its rows.

Belongs here: giving a transform the rows it needs, streaming what it returns to Parquet, validating
that against the pandera schema, and the checks of the specification. Does not belong here: the
formulas (`transforms/`), or which days are computed (`changed_days.py`).
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType, ModuleType

import polars as pl
from polars.exceptions import PolarsError

from tasks.changed_days import NOTHING, WHOLE, Days
from tasks.contracts.changes import TableChange
from tasks.contracts.errors import BuildError, ConfigurationError
from tasks.contracts.names import did_you_mean
from tasks.contracts.release import PublishedTable
from tasks.contracts.run_record import GateResult, TableRecord
from tasks.contracts.spec import Transform
from tasks.daily_files import (
    files_of_other_days,
    write_days,
    write_no_rows,
    write_whole,
)
from tasks.gates import null_rate_gates, outcome, row_gates
from tasks.input_rows import InputRows, scan, scan_files
from tasks.published_files import describe_table, with_carried
from tasks.row_validation import schema_breaches
from tasks.run_base import NOTHING as NO_BASE
from tasks.run_base import Base
from tasks.run_context import RunContext
from tasks.silver import null_rates
from tasks.transform_inputs import frames_of, read_seed, what_differs


def load_transform(transform: Transform) -> tuple[Callable[..., pl.LazyFrame], ModuleType]:
    """Find the function of a transform and the module of its schema.

    Raises ConfigurationError if they do not exist or do not take what the specification gives.
    """
    name = transform.name
    try:
        function = getattr(importlib.import_module(f"tasks.transforms.{name}"), name)
        contract = importlib.import_module(f"tasks.contracts.enriched.{name}")
        contract.SCHEMA  # noqa: B018 - missing is an AttributeError
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            f"transform '{name}': {error}; it needs a function {name} in "
            f"tasks/transforms/{name}.py and a SCHEMA in tasks/contracts/enriched/{name}.py"
        ) from error
    given = [*transform.inputs, *transform.parameters, "run_date"]
    if transform.incremental is not None and transform.incremental.history:
        given.append("history")
    taken = inspect.signature(function).parameters
    unknown = [argument for argument in given if argument not in taken]
    required = [p.name for p in taken.values() if p.default is p.empty and p.name not in given]
    if unknown or required:
        raise ConfigurationError(
            f"transform '{name}': its function takes {', '.join(taken)}"
            + (f"; the specification also gives {', '.join(unknown)}" if unknown else "")
            + (f"; the specification lacks {', '.join(required)}" if required else "")
        )
    return function, contract


def declared_sources(transform: Transform) -> Mapping[str, tuple[str, ...]]:
    """Return what the module of a transform says of columns: {column: `argument.column`, ...}."""
    module = importlib.import_module(f"tasks.transforms.{transform.name}")
    declared: Mapping[str, tuple[str, ...]] = getattr(module, "SOURCES", {})
    return declared


def check_transform(transform: Transform) -> None:
    """Raise ConfigurationError if a transform cannot be run as the specification declares it."""
    _, contract = load_transform(transform)
    columns = contract.SCHEMA.columns
    days = (transform.partition_column,) if transform.partition_column else ()
    for column in (*transform.key, *days, *transform.checks.max_null_rates):
        if column not in columns:
            hint = did_you_mean(column, columns)
            raise ConfigurationError(f"transform '{transform.name}': no column '{column}'{hint}")
    for name in transform.inputs.values():
        layer, _, seed = name.partition(".")
        if layer == "seeds":
            read_seed(seed)


def run_transform(
    run: RunContext,
    transform: Transform,
    tables: Mapping[str, PublishedTable],
    base: Base = NO_BASE,
    changes: Mapping[str, TableChange] = MappingProxyType({}),
) -> tuple[PublishedTable, TableChange]:
    """Bring an enriched table up to date; return it, and what of it may differ from the base's.

    `changes` says what of `tables` differs from the base's; a table that it does not know may
    differ in everything. Days that cannot differ are carried over: by reference where their rows
    are of this run date already, else with this run date in place of theirs.
    """
    load_transform(transform)
    try:
        older = base.release.tables if base.release else {}
        released = older.get(f"enriched.{transform.name}")
        inputs = InputRows(run, transform.inputs, tables, older)
        if base.release is None or released is None:
            return _computed(run, transform, inputs), WHOLE
        change = what_differs(transform, inputs, released, base.release.run_date, changes)
        if change.whole:
            return _computed(run, transform, inputs), WHOLE
        if not change.dates:
            return released, NOTHING
        dated = base.release.run_date == run.run_date
        return _computed_days(run, transform, inputs, released, change.dates, dated), change
    except PolarsError as error:
        raise BuildError(f"transform '{transform.name}': {error}") from error


def _computed(run: RunContext, transform: Transform, inputs: InputRows) -> PublishedTable:
    """Compute a table from all rows of its inputs."""
    rows = _rows(run, transform, frames_of(transform, inputs))
    folder, column = run.folder("enriched", transform.name), _cut_along(transform)
    if column is None:
        write_whole(rows, folder)
    else:
        write_days(rows, folder, column)
        if not any(folder.iterdir()):
            write_no_rows(rows, folder)
    return _described(run, transform)


def _computed_days(
    run: RunContext,
    transform: Transform,
    inputs: InputRows,
    released: PublishedTable,
    days: Days,
    dated: bool,
) -> PublishedTable:
    """Compute `days` of a table and keep the others; `dated`: theirs is this run date already."""
    column = _cut_along(transform)
    assert column is not None, "only a table with days can differ in some of them"
    folder = run.folder("enriched", transform.name)
    rows = _rows(run, transform, frames_of(transform, inputs, days, released))
    rows = rows.filter(pl.col(column).is_in(sorted(days)))
    kept = files_of_other_days(released, column, days)
    if kept and not dated:
        # Every row tells the run date, so that no file of another one can stay as it is.
        older = scan_files(run, kept).with_columns(run_date=pl.lit(run.run_date))
        rows = pl.concat([rows, older])
    carried = {file.path for file in kept} if dated else set[str]()
    write_days(rows, folder, column)
    if not carried and not any(folder.iterdir()):
        write_no_rows(rows, folder)
    return with_carried(_described(run, transform), released, lambda file: file.path in carried)


def _rows(
    run: RunContext, transform: Transform, frames: Mapping[str, pl.LazyFrame]
) -> pl.LazyFrame:
    function, _ = load_transform(transform)
    return function(**frames, **transform.parameters, run_date=run.run_date)


def _cut_along(transform: Transform) -> str | None:
    """The column along which a table is cut into files, if it is."""
    return transform.partition_column if transform.incremental is not None else None


def _described(run: RunContext, transform: Transform) -> PublishedTable:
    """Describe what was written to the run's own folder."""
    return describe_table(
        run.mirror.store_of("silver"),
        "silver",
        run.prefix(transform.name),
        key=transform.key,
        partition_column=_cut_along(transform),
    )


def judge_transform(
    run: RunContext,
    transform: Transform,
    table: PublishedTable,
    written: PublishedTable,
    tables: Mapping[str, PublishedTable],
) -> list[GateResult]:
    """Validate an enriched table's new rows, those of `written`, and check what is demanded of all.

    `tables` are those whose number of rows it may have to have.
    """
    name, checks = transform.name, transform.checks
    _, contract = load_transform(transform)
    # Days have no key in common where the key tells the day.
    same_keys = written if _cut_along(transform) in transform.key else table
    breaches = schema_breaches(run.urls(written), contract.SCHEMA) if written.files else []
    wanted = checks.rows_equal
    equal = (wanted, tables[wanted].rows) if wanted is not None else None
    return [
        outcome("enriched", name, "schema", breaches),
        outcome("enriched", name, "pk_uniqueness", _key_breaches(run, same_keys)),
        *row_gates("enriched", name, table.rows, min_rows=checks.min_rows, rows_equal=equal),
        *null_rate_gates(
            "enriched",
            name,
            checks.max_null_rates,
            null_rates(run, table, checks.max_null_rates),
            run.settings.gates,
        ),
    ]


def transform_record(
    transform: Transform,
    table: PublishedTable,
    tables: Mapping[str, PublishedTable],
    seconds: float,
) -> TableRecord:
    """Record what a transform read and wrote."""
    read = [tables[name] for name in transform.inputs.values() if name in tables]
    return TableRecord(
        table=f"enriched.{transform.name}",
        layer="enriched",
        rows_in=sum(source.rows for source in read),
        rows_out=table.rows,
        files=len(table.files),
        bytes=table.bytes,
        seconds=seconds,
        inputs=tuple(transform.inputs.values()),
    )


def _key_breaches(run: RunContext, table: PublishedTable) -> list[str]:
    if not table.files:
        return []
    rows = scan(run, table)
    keys = [pl.col(column) for column in table.key]
    null = pl.any_horizontal([key.is_null() for key in keys])
    found = rows.select(
        pl.struct(keys).n_unique().alias("distinct"), null.cast(pl.Int64).sum().alias("null")
    ).collect(engine="streaming")
    distinct, nulls = found.row(0)
    breaches = []
    if distinct != table.rows:
        breaches.append(f"{table.rows} rows have {distinct} keys ({', '.join(table.key)})")
    if nulls:
        breaches.append(f"{nulls} rows have a NULL in their key")
    return breaches
