"""Silver as views over bronze: rows judged by pydantic models, typed by dbt's staging models.

Belongs here: building and describing these tables, and judging them. Does not belong here: the
models of rows (`row_judging.py`), the text of a published view (`published_views.py`), or silver
that is written (`silver.py`).

A run computes such a table whole: what it writes is which rows of bronze the view leaves out, and
the quarantine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import duckdb
import polars as pl
import pyarrow.parquet as pq

from tasks.bronze_inventory import BronzeTable
from tasks.contracts.errors import BronzeError, BuildError
from tasks.contracts.release import PublishedTable, Release, SilverCounts
from tasks.contracts.run_record import GateResult, TableRecord
from tasks.contracts.spec import Table
from tasks.corrected_rows import without_corrected
from tasks.dbt_models import require_models
from tasks.dbt_runs import DbtInputs, DbtNode, build
from tasks.gates import SQL_NAMES, outcome, silver_gates
from tasks.landing_sql import identifier
from tasks.published_files import describe_table
from tasks.published_views import key_of, located_rows, published_bronze, published_view, rows_sql
from tasks.quality_metrics import quality_gates, quality_of
from tasks.row_judging import write_rejected
from tasks.row_validation import ROWS_A_CHECK, frame_breaches
from tasks.run_context import RunContext
from tasks.silver import SilverBuild, reason_counts
from tasks.silver_record import silver_record
from tasks.sql_text import select_of
from tasks.unreadable_files import unreadable_files


@dataclass(frozen=True)
class StagedTable:
    """How the gates judged a staged table, and what they counted."""

    gates: tuple[GateResult, ...]
    record: TableRecord
    reasons: Mapping[str, int]


def staged_models(table: Table) -> list[str]:
    """Return the dbt models of a table of which silver is a view."""
    checked = f"{table.bronze_name}_checked"
    return [checked, table.excluded_name, table.name, table.quarantine_name]


def carried_tables(release: Release, table: Table) -> dict[str, PublishedTable]:
    """Return what `release` lists of a table that stays as it is."""
    return {name: release.tables[name] for name in table.listed_names}


def build_staged(
    run: RunContext,
    inventory: Mapping[str, BronzeTable],
    tables: Sequence[str],
    built: Mapping[str, PublishedTable],
    progress: Callable[[str], None] | None = None,
) -> SilverBuild:
    """Judge every row of `tables` and let dbt stage the valid ones; run dbt's tests of the views.

    `built` holds the published tables that the parents of others are read from. Raises BronzeError
    if a bronze file cannot be decoded, else BuildError.
    """
    selects = {
        f"silver.{table.name}": [rows_sql(f"silver.{table.name}", built, run.paths)]
        for table in run.spec.tables
        if table.name not in tables and f"silver.{table.name}" in built
    }
    outputs = {"audit.row_counts": run.work_folder / "row_counts"}
    models: list[str] = []
    try:
        for name in tables:
            table, found = run.spec.table(name), inventory[name]
            assert table.row_model is not None, "the specification was checked for it"
            run.mirror.bring("bronze", (key_of(file) for file in found.files))
            verdicts = run.work_folder / "rejected" / f"{table.bronze_name}.parquet"
            write_rejected(found.files, table.row_model, verdicts)
            selects[f"rejected.{table.bronze_name}"] = [select_of([str(verdicts)])]
            received = _received(run, found, table)
            selects[f"bronze.{table.bronze_name}"] = [received]
            selects[f"corrected.{table.bronze_name}"] = [_corrected(run, received, found, table)]
            for output in (table.excluded_name, table.quarantine_name):
                outputs[f"silver.{output}"] = run.folder("silver", output)
            models += staged_models(table)
        nodes = build(
            run.engine,
            run.spec,
            DbtInputs(selects, outputs),
            run_id=run.run_id,
            run_date=run.run_date,
            select=models,
            progress=progress,
        )
    except (BuildError, OSError) as error:
        broken = unreadable_files(inventory[name] for name in tables)
        if broken:
            raise BronzeError("\n".join(broken)) from error
        raise
    require_models(nodes, models, f"dbt/models/{run.pipeline}")
    rows = pq.read_table(outputs["audit.row_counts"] / "part-0.parquet").to_pylist()
    counts = {}
    for row in rows:
        name = row["table_name"]
        figures = {key: row[key] for key in SilverCounts.model_fields if key in row}
        corrected = _count(run, selects[f"corrected.{run.spec.table(name).bronze_name}"][0])
        figures |= {"bronze": row["bronze"] + corrected, "corrected": corrected}
        counts[name] = SilverCounts(**figures)
    return SilverBuild(counts, nodes=tuple(nodes))


def describe_staged(
    run: RunContext,
    table: Table,
    bronze: BronzeTable,
    made: SilverBuild,
) -> dict[str, PublishedTable]:
    """Describe what a release lists of a staged table: bronze, the view, and what it leaves out."""
    store, silver = run.mirror.store_of("silver"), f"silver.{table.name}"
    received, quarantine = f"bronze.{table.bronze_name}", f"silver.{table.quarantine_name}"
    kinds = {name: SQL_NAMES[kind] for name, kind in run.spec.bronze_columns(table.name).items()}
    tables = {
        received: published_bronze(bronze, kinds),
        quarantine: describe_table(store, "silver", run.prefix(table.quarantine_name)).model_copy(
            update={"quarantine_of": silver}
        ),
        f"silver.{table.excluded_name}": describe_table(
            store, "silver", run.prefix(table.excluded_name)
        ).model_copy(update={"internal": True}),
    }
    view = published_view(_sql_of(made, table.name), {}, 0).model_copy(update={"key": table.key})
    with _rows_of(run, silver, {**tables, silver: view}) as rows:
        columns = {name: str(kind) for name, kind in zip(rows.columns, rows.types, strict=True)}
        count = rows.aggregate("count(*)").fetchone()
    assert count is not None
    tables[silver] = view.model_copy(update={"columns": columns, "rows": count[0]})
    return tables


def judge_staged(
    run: RunContext,
    table: Table,
    bronze: BronzeTable,
    counts: SilverCounts,
    tables: Mapping[str, PublishedTable],
    nodes: Sequence[DbtNode] = (),
) -> StagedTable:
    """Judge a staged table by the same gates as silver that is written, and by dbt's tests."""
    name, silver = f"silver.{table.name}", tables[f"silver.{table.name}"]
    quarantine = tables[f"silver.{table.quarantine_name}"]
    with _rows_of(run, name, tables) as rows:
        nulls = _null_rates(rows, list(table.gates.max_null_rates), silver.rows)
        breaches = _row_breaches(run, table, rows)
    gates = silver_gates(
        run.spec, table, counts, bronze.rows, silver, quarantine, nulls, run.settings.gates
    )
    gates.append(outcome("silver", table.name, "row_schema", breaches))
    figures = {"bronze": bronze.rows, "silver": silver.rows, "superseded": counts.superseded}
    gates += quality_gates(run.spec, table.name, **figures, mode=run.settings.gates)
    gates += [
        outcome("silver", table.name, node.name.removeprefix(f"{table.name}_"), [])
        for node in nodes
        if node.kind == "test" and node.name.startswith(f"{table.name}_")
    ]
    reasons = reason_counts(run, quarantine)
    models = set(staged_models(table))
    record = silver_record(
        table,
        bronze.rows,
        counts,
        silver,
        quarantine,
        quality=quality_of(**figures, broken=reasons),
        seconds=sum(node.seconds for node in nodes if node.name in models),
    )
    return StagedTable(tuple(gates), record, reasons)


def _sql_of(made: SilverBuild, model: str) -> str:
    return next(node.sql for node in made.nodes if node.name == model)


def _received(run: RunContext, found: BronzeTable, table: Table) -> str:
    kinds = {name: SQL_NAMES[kind] for name, kind in run.spec.bronze_columns(table.name).items()}
    return located_rows(kinds, [f.path for f in found.files], [key_of(f) for f in found.files])


def _corrected(run: RunContext, received: str, found: BronzeTable, table: Table) -> str:
    """The query for where rows lie in whose place a correction has landed."""
    columns = list(run.spec.bronze_columns(table.name))
    (kept,) = without_corrected([received], table, columns, found.corrections)
    if kept == received:
        return "select null::varchar as _file, null::bigint as _row where false"
    return (
        f"select _file, _row from ({received}) as received "  # noqa: S608 - quoted where it was made
        f"anti join ({kept}) as kept using (_file, _row)"
    )


def _count(run: RunContext, query: str) -> int:
    with _engine(run) as engine:
        found = engine.execute(f"select count(*) from ({query})").fetchone()  # noqa: S608
    assert found is not None
    return int(found[0])


@contextmanager
def _engine(run: RunContext) -> Iterator[duckdb.DuckDBPyConnection]:
    config: dict[str, Any] = {
        "threads": run.settings.threads,
        "memory_limit": run.settings.memory_limit,
    }
    with duckdb.connect(config=config) as engine:
        engine.execute("set TimeZone = 'UTC'")
        yield engine


@contextmanager
def _rows_of(
    run: RunContext, name: str, tables: Mapping[str, PublishedTable]
) -> Iterator[duckdb.DuckDBPyRelation]:
    with _engine(run) as engine:
        yield engine.sql(rows_sql(name, tables, run.paths))


def _null_rates(
    rows: duckdb.DuckDBPyRelation, columns: Sequence[str], total: int
) -> dict[str, float]:
    if not columns or not total:
        return dict.fromkeys(columns, 0.0)
    counted = ", ".join(f"count(*) - count({identifier(column)})" for column in columns)
    found = rows.aggregate(counted).fetchone()
    assert found is not None
    return {column: nulls / total for column, nulls in zip(columns, found, strict=True)}


def _row_breaches(run: RunContext, table: Table, rows: duckdb.DuckDBPyRelation) -> list[str]:
    from tasks.contracts.silver_schema import silver_schema  # noqa: PLC0415 - pandera is slow

    schema = silver_schema(run.spec, table.name)
    for batch in rows.to_arrow_reader(ROWS_A_CHECK):
        frame = pl.from_arrow(batch)
        assert isinstance(frame, pl.DataFrame)
        found = frame_breaches(frame, schema)
        if found:
            return found
    return []
