"""What dbt reads and writes in a silver build.

Belongs here: from an inventory and a base to the inputs, outputs and variables of one dbt
invocation. Does not belong here: running it, or describing what it wrote (`silver.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import duckdb

from tasks.bronze_inventory import BronzeTable, bronze_selects, received_types
from tasks.contracts.release import PublishedTable
from tasks.contracts.spec import Table
from tasks.corrected_rows import count_corrected, without_corrected
from tasks.dbt_runs import DbtInputs
from tasks.feed_inputs import feed_inputs, feed_models
from tasks.masking import hidden_by, hiding_sql, register_masks
from tasks.run_base import Base
from tasks.run_context import RunContext
from tasks.sql_text import quoted, select_of

_GRAINS = {"day": "%Y-%m-%d", "month": "%Y-%m"}
_FAMILIES = {"VARCHAR": "string", "BIGINT": "integer", "DOUBLE": "float", "BOOLEAN": "boolean"}
NO_DATE = "unknown"
# A day that gets new rows is written anew once it lies in so many files: each costs its readers.
MOST_FILES = 32


def partition_expression(table: Table) -> str | None:
    """Return the SQL by which the silver files of `table` are cut, if they are."""
    grain = _GRAINS.get(table.silver_partition)
    if grain is None:
        return None
    return f"coalesce(strftime({table.business_date_column}, '{grain}'), '{NO_DATE}')"


def models_of(table: Table) -> list[str]:
    """Return the dbt models of silver `table`."""
    if table.feed is not None:
        return feed_models(table)
    own = [table.name, table.quarantine_name]
    return own if table.derived is not None else [f"{table.name}_checked", *own]


@dataclass(frozen=True)
class CorrectedCounts:
    """Rows in whose place a correction was landed.

    `seen` are among those that a build would judge; `released` lie in a quarantine that is carried
    over otherwise.
    """

    seen: int = 0
    released: int = 0


NO_CORRECTION = CorrectedCounts()


def corrected_counts(
    run: RunContext, inventory: Mapping[str, BronzeTable], tables: Sequence[str], base: Base
) -> dict[str, CorrectedCounts]:
    """Count the rows of each of `tables` that corrections replace, where there are any."""
    counts = {}
    for name in tables:
        table, files = run.spec.table(name), inventory[name].corrections
        if not files:
            continue
        columns = list(run.spec.bronze_columns(name))
        with duckdb.connect() as engine:
            engine.execute(f"SET threads = {run.settings.threads}")
            engine.execute(f"SET memory_limit = {quoted(run.settings.memory_limit)}")
            register_masks(engine, run.mask_key)
            received = _received_rows(run, inventory[name], table, base)
            seen = count_corrected(engine, received, table, columns, files)
            released = 0
            if base.release is not None and not table.judges_rejects_anew:
                rejected = base.release.tables[f"silver.{table.quarantine_name}"]
                select = [select_of(run.urls(rejected))]
                released = count_corrected(engine, select, table, columns, files)
        counts[name] = CorrectedCounts(seen, released)
    return counts


def _received_rows(run: RunContext, bronze: BronzeTable, table: Table, base: Base) -> list[str]:
    """Queries for what a build judges: new bronze, and rejected rows that are judged anew."""
    columns = dict(run.spec.bronze_columns(table.name))
    fresh = bronze.without(base.known(table.name))
    policies = hidden_by(run.spec, table.name, "bronze")
    sql = hiding_sql(table, policies)
    hiding = {f"{name}={policy}": (name, sql[name]) for name, policy in policies.items()}
    numbered = not table.judges_rejects_anew
    selects = bronze_selects(fresh, columns, numbered=numbered, hiding=hiding)
    if base.release is not None and table.judges_rejects_anew:
        rejected = base.release.tables[f"silver.{table.quarantine_name}"]
        selects.append(_rejected_rows(run, rejected, list(columns)))
    return selects


def silver_inputs(
    run: RunContext,
    inventory: Mapping[str, BronzeTable],
    tables: Sequence[str],
    *,
    base: Base,
    built: Mapping[str, PublishedTable],
    snapshots: Sequence[str] = (),
    corrected: Mapping[str, CorrectedCounts] = MappingProxyType({}),
) -> DbtInputs:
    """Assemble what a build of silver `tables` reads: new bronze, and what stands already.

    Rows in whose place a correction was landed are left out; `corrected` counts them.
    """
    spec = run.spec
    feeds = [table for table in spec.tables if table.feed is not None]
    feed = feed_inputs(run, [table for table in feeds if table.name in tables], inventory, base)
    selects, carried = feed.selects, feed.carried
    types: dict[str, dict[str, str]] = {}
    partitions: dict[str, str] = {}
    standing: dict[str, dict[str, list[str]]] = {}
    rows: dict[str, dict[str, int]] = {}
    outputs = {f"audit.{name}": run.work_folder / name for name in ("row_counts", "touched")}
    outputs |= feed.outputs
    for name in [name for name in tables if spec.table(name) not in feeds]:
        table = spec.table(name)
        columns = dict(spec.bronze_columns(name))
        source = f"bronze.{table.bronze_name}"
        selects[source] = without_corrected(
            _received_rows(run, inventory[name], table, base),
            table,
            columns,
            inventory[name].corrections,
        )
        types[source] = received_types(inventory[name].without(base.known(name)), columns)
        if base.release is not None and table.judges_rejects_anew:
            rejected = base.release.tables[f"silver.{table.quarantine_name}"]
            types[source] |= {
                c: "string" for c in columns if _FAMILIES.get(rejected.columns[c]) == "string"
            }
        for output in (name, table.quarantine_name):
            outputs[f"silver.{output}"] = run.folder("silver", output)
        expression = partition_expression(table)
        if expression is not None:
            partitions[f"silver.{name}"] = expression
    if base.release is not None:
        for table in (table for table in spec.tables if table not in feeds):
            released = base.release.tables[f"silver.{table.name}"]
            selects[f"previous.{table.name}"] = [select_of(run.urls(released))]
            standing[table.name] = files_by_partition(run, released)
            rows[table.name] = rows_by_partition(released)
            if not table.judges_rejects_anew:
                rejected = base.release.tables[f"silver.{table.quarantine_name}"]
                quarantine = table.quarantine_name
                if corrected.get(table.name, NO_CORRECTION).released:
                    selects[f"previous.{quarantine}"] = without_corrected(
                        [select_of(run.urls(rejected))],
                        table,
                        spec.bronze_columns(table.name),
                        inventory[table.name].corrections,
                    )
                else:
                    carried[f"silver.{quarantine}"] = run.urls(rejected)
    for name, published in built.items():
        selects[name] = [select_of(run.urls(published))]
    for name in snapshots:
        outputs[f"dims.{name}"] = run.work_folder / "dims" / name
    more: dict[str, Any] = {
        "standing": standing,
        "standing_rows": rows,
        "most_files": MOST_FILES,
        "carried": carried,
        "building": list(tables),
        "fresh_files": feed.fresh,
    }
    return DbtInputs(selects, outputs, types, partitions, more)


def files_by_partition(run: RunContext, table: PublishedTable) -> dict[str, list[str]]:
    """Return {partition value: files}; the files of an uncut table have the value ''."""
    found: dict[str, list[str]] = {}
    for file, url in zip(table.files, run.urls(table), strict=True):
        found.setdefault(partition_of(file.partition), []).append(url)
    return found


def rows_by_partition(table: PublishedTable) -> dict[str, int]:
    """Return {partition value: rows}."""
    found: dict[str, int] = {}
    for file in table.files:
        value = partition_of(file.partition)
        found[value] = found.get(value, 0) + file.rows
    return found


def partition_of(values: Mapping[str, str]) -> str:
    """Return the one partition value of a file, or ''."""
    return next(iter(values.values()), "")


def _rejected_rows(run: RunContext, quarantine: PublishedTable, columns: Sequence[str]) -> str:
    files = ", ".join(quoted(url) for url in run.urls(quarantine))
    return (
        f"select {', '.join(columns)}, filename as _file, file_row_number as _row "  # noqa: S608 - quoted
        f"from read_parquet([{files}], hive_partitioning = false, filename = true, "
        "file_row_number = true)"
    )
