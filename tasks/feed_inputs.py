"""What dbt reads and writes of a table of JSON records.

Belongs here: from bronze files and a base to queries, outputs and variables of a silver build. Does
not belong here: tables whose rows have columns of their own (`silver_inputs.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tasks.bronze_inventory import BronzeFile, BronzeTable
from tasks.contracts.json_feed import INGESTED_AT, MALFORMED, SOURCE_FILE, SOURCE_ROW
from tasks.contracts.spec import Table
from tasks.run_base import Base
from tasks.run_context import RunContext
from tasks.sql_text import quoted

_LINES = {"json": "varchar", "_file": "varchar"}
_ORIGIN = {SOURCE_FILE: "varchar", SOURCE_ROW: "bigint", INGESTED_AT: "timestamp"}
_USUAL_OBJECT = 16 << 20


@dataclass(frozen=True)
class FeedInputs:
    """Queries by source; folders, carried files and paths of new bronze files by table."""

    selects: dict[str, list[str]] = field(default_factory=dict)
    outputs: dict[str, Path] = field(default_factory=dict)
    carried: dict[str, list[str]] = field(default_factory=dict)
    fresh: dict[str, list[str]] = field(default_factory=dict)


def feed_models(table: Table) -> list[str]:
    """Return the dbt models of a table of JSON records."""
    assert table.feed is not None
    return [*(beside.name for beside in table.feed.beside), table.name, table.quarantine_name]


def feed_inputs(
    run: RunContext, tables: Iterable[Table], inventory: Mapping[str, BronzeTable], base: Base
) -> FeedInputs:
    """Assemble what a build of `tables` reads: the lines that the base has not seen.

    Tables that grow also consist of their files of the base's release.
    """
    found = FeedInputs()
    for table in tables:
        assert table.feed is not None
        fresh = inventory[table.name].without(base.known(table.name)).files
        found.fresh[table.name] = [file.path for file in fresh]
        found.selects[f"bronze.{table.bronze_name}_lines"] = [_lines(fresh)]
        if table.feed.fields:
            fields = [_fields(fresh, table.feed.fields)]
            found.selects[f"bronze.{table.bronze_name}_fields"] = fields
        for name in feed_models(table):
            found.outputs[f"silver.{name}"] = run.folder("silver", name)
        if base.release is not None:
            for name in growing(table):
                released = base.release.tables[f"silver.{name}"]
                found.carried[f"silver.{name}"] = run.urls(released)
    return found


def growing(table: Table) -> list[str]:
    """Return the tables, built with `table`, to which a run adds rows; none is written anew."""
    assert table.feed is not None
    own = [beside.name for beside in table.feed.beside if beside.grows]
    return [*own, *([table.quarantine_name] if table.feed.fields else [])]


def _lines(files: Sequence[BronzeFile]) -> str:
    if not files:
        return _nothing(_LINES)
    return (
        "select cast(json as varchar) as json, filename as _file "  # noqa: S608 - quoted
        f"from read_ndjson_objects({_paths(files)}, filename = true, {_longest(files)})"
    )


def _fields(files: Sequence[BronzeFile], fields: Sequence[str]) -> str:
    received = [*fields, MALFORMED]
    if not files:
        return _nothing(dict.fromkeys(received, "json") | _ORIGIN | {"_file": "varchar"})
    kinds = dict.fromkeys(received, "JSON") | {
        SOURCE_FILE: "VARCHAR",
        SOURCE_ROW: "BIGINT",
        INGESTED_AT: "VARCHAR",
    }
    columns = ", ".join(f"{quoted(name)}: '{kind}'" for name, kind in kinds.items())
    names = ", ".join(f'"{name}"' for name in received)
    return (
        f"select {names}, {SOURCE_FILE}, {SOURCE_ROW}, "  # noqa: S608 - quoted
        f"try_cast({INGESTED_AT} as timestamp) as {INGESTED_AT}, filename as _file "
        f"from read_json({_paths(files)}, format = 'newline_delimited', columns = {{{columns}}}, "
        f"filename = true, {_longest(files)})"
    )


def _nothing(columns: dict[str, str]) -> str:
    nulls = (f'cast(null as {kind}) as "{name}"' for name, kind in columns.items())
    return f"select {', '.join(nulls)} where false"


def _paths(files: Sequence[BronzeFile]) -> str:
    return f"[{', '.join(quoted(_literal(file.path)) for file in files)}]"


def _literal(path: str) -> str:
    """Spell a path so that DuckDB does not take brackets and stars in it for a pattern."""
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in path)


def _longest(files: Sequence[BronzeFile]) -> str:
    """Say how long a line may be: DuckDB keeps twice as much memory for each thread."""
    longest = max(int(dict(file.types).get("longest_line", 0)) for file in files)
    return f"maximum_object_size = {max(_USUAL_OBJECT, longest + 1024)}"
