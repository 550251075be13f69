"""What dbt reads and writes in a silver build.

Belongs here: from an inventory and a base to the inputs, outputs and variables of one dbt
invocation. Does not belong here: running it, or describing what it wrote (`silver.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tasks.bronze_inventory import BronzeTable, bronze_selects, received_types
from tasks.contracts.release import PublishedTable
from tasks.contracts.spec import Table
from tasks.dbt_runs import DbtInputs
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
    own = [table.name, table.quarantine_name]
    return own if table.derived is not None else [f"{table.name}_checked", *own]


def silver_inputs(
    run: RunContext,
    inventory: Mapping[str, BronzeTable],
    tables: Sequence[str],
    *,
    base: Base,
    built: Mapping[str, PublishedTable],
    snapshots: Sequence[str] = (),
) -> DbtInputs:
    """Assemble what a build of silver `tables` reads: new bronze, and what stands already."""
    spec = run.spec
    selects: dict[str, list[str]] = {}
    types: dict[str, dict[str, str]] = {}
    partitions: dict[str, str] = {}
    standing: dict[str, dict[str, list[str]]] = {}
    rows: dict[str, dict[str, int]] = {}
    carried: dict[str, list[str]] = {}
    outputs = {f"audit.{name}": run.work_folder / name for name in ("row_counts", "touched")}
    for name in tables:
        table = spec.table(name)
        columns = dict(spec.bronze_columns(name))
        fresh = inventory[name].without(base.known(name))
        source = f"bronze.{table.bronze_name}"
        selects[source] = bronze_selects(fresh, columns, numbered=not table.judges_rejects_anew)
        types[source] = received_types(fresh, columns)
        if base.release is not None and table.judges_rejects_anew:
            rejected = base.release.tables[f"silver.{table.quarantine_name}"]
            selects[source].append(_rejected_rows(run, rejected, list(columns)))
            types[source] |= {
                c: "string" for c in columns if _FAMILIES.get(rejected.columns[c]) == "string"
            }
        for output in (name, table.quarantine_name):
            outputs[f"silver.{output}"] = run.folder("silver", output)
        expression = partition_expression(table)
        if expression is not None:
            partitions[f"silver.{name}"] = expression
    if base.release is not None:
        for table in spec.tables:
            released = base.release.tables[f"silver.{table.name}"]
            selects[f"previous.{table.name}"] = [select_of(run.urls(released))]
            standing[table.name] = files_by_partition(run, released)
            rows[table.name] = rows_by_partition(released)
            if not table.judges_rejects_anew:
                rejected = base.release.tables[f"silver.{table.quarantine_name}"]
                carried[f"silver.{table.quarantine_name}"] = run.urls(rejected)
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
