"""Enriched silver: running one transform over published files and judging its rows.

Belongs here: scanning inputs, streaming a transform's rows to Parquet, validating them against
the pandera schema, and the checks of the specification. Does not belong here: the formulas
(`transforms/`).
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType

import polars as pl
from polars.exceptions import PolarsError

from tasks.contracts.errors import BuildError, ConfigurationError
from tasks.contracts.names import did_you_mean
from tasks.contracts.release import PublishedTable
from tasks.contracts.run_record import GateResult, TableRecord
from tasks.contracts.spec import Transform
from tasks.gates import null_rate_gates, outcome, row_gates
from tasks.published_files import describe_table
from tasks.row_validation import schema_breaches
from tasks.run_context import RunContext
from tasks.silver import null_rates

SEEDS_FOLDER = Path(__file__).parent.parent / "dbt" / "seeds"
SEED_SCHEMAS: dict[str, dict[str, pl.DataType]] = {
    "region_tax_rates": {"region": pl.String(), "tax_rate": pl.Decimal(9, 6)}
}


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


def check_transform(transform: Transform) -> None:
    """Raise ConfigurationError if a transform cannot be run as the specification declares it."""
    _, contract = load_transform(transform)
    columns = contract.SCHEMA.columns
    for column in (*transform.key, *transform.checks.max_null_rates):
        if column not in columns:
            hint = did_you_mean(column, columns)
            raise ConfigurationError(f"transform '{transform.name}': no column '{column}'{hint}")
    for name in transform.inputs.values():
        layer, _, seed = name.partition(".")
        if layer == "seeds":
            read_seed(seed)


def run_transform(
    run: RunContext, transform: Transform, tables: Mapping[str, PublishedTable]
) -> PublishedTable:
    """Stream the rows of a transform into the run's own folder, and describe them."""
    function, _ = load_transform(transform)
    frames = {argument: _scan(run, name, tables) for argument, name in transform.inputs.items()}
    target = run.folder("enriched", transform.name) / "part-0.parquet"
    try:
        rows = function(**frames, **transform.parameters, run_date=run.run_date)
        rows.sink_parquet(target, compression="snappy", mkdir=True)
    except PolarsError as error:
        raise BuildError(f"transform '{transform.name}': {error}") from error
    return describe_table(run.lake.silver, "silver", run.prefix(transform.name), key=transform.key)


def judge_transform(
    run: RunContext,
    transform: Transform,
    table: PublishedTable,
    tables: Mapping[str, PublishedTable],
) -> list[GateResult]:
    """Validate the rows of an enriched table and check what the specification demands."""
    name, checks = transform.name, transform.checks
    _, contract = load_transform(transform)
    wanted = checks.rows_equal
    equal = (wanted, tables[wanted].rows) if wanted is not None else None
    return [
        outcome("enriched", name, "schema", schema_breaches(run.urls(table), contract.SCHEMA)),
        outcome("enriched", name, "pk_uniqueness", _key_breaches(run, table)),
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
    rows = pl.scan_parquet(run.urls(table), hive_partitioning=False)
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


def _scan(run: RunContext, name: str, tables: Mapping[str, PublishedTable]) -> pl.LazyFrame:
    layer, _, table = name.partition(".")
    if layer == "seeds":
        return read_seed(table)
    return pl.scan_parquet(run.urls(tables[name]), hive_partitioning=False)


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
