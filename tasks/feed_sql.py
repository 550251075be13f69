"""SQL that reads the JSON lines of bronze.

Belongs here: pure functions from paths and fields to queries. Does not belong here: which files
those are (`feed_inputs.py`, `quick_inventory.py`), or what is asked of the lines (`dbt/`).
"""

from __future__ import annotations

from collections.abc import Sequence

from tasks.contracts.json_feed import INGESTED_AT, MALFORMED, SOURCE_FILE, SOURCE_ROW
from tasks.sql_text import quoted

_LINES = {"json": "varchar", "_file": "varchar"}
_ORIGIN = {SOURCE_FILE: "varchar", SOURCE_ROW: "bigint", INGESTED_AT: "timestamp"}
_USUAL_OBJECT = 16 << 20


def lines_select(paths: Sequence[str], longest: int) -> str:
    """Return a query for the lines of files as texts; `longest` is the bytes of the longest."""
    if not paths:
        return _nothing(_LINES)
    return (
        "select cast(json as varchar) as json, filename as _file "  # noqa: S608 - quoted
        f"from read_ndjson_objects({_listed(paths)}, filename = true, {_longest(longest)})"
    )


def fields_select(paths: Sequence[str], fields: Sequence[str], longest: int = 0) -> str:
    """Return a query for the records of files, `fields` as columns of JSON."""
    received = [*fields, MALFORMED]
    if not paths:
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
        f"from read_json({_listed(paths)}, format = 'newline_delimited', "
        f"columns = {{{columns}}}, filename = true, {_longest(longest)})"
    )


def _nothing(columns: dict[str, str]) -> str:
    nulls = (f'cast(null as {kind}) as "{name}"' for name, kind in columns.items())
    return f"select {', '.join(nulls)} where false"


def _listed(paths: Sequence[str]) -> str:
    return f"[{', '.join(quoted(_literal(path)) for path in paths)}]"


def _literal(path: str) -> str:
    """Spell a path so that DuckDB does not take brackets and stars in it for a pattern."""
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in path)


def _longest(size: int) -> str:
    """Say how long a line may be: DuckDB keeps twice as much memory for each thread."""
    return f"maximum_object_size = {max(_USUAL_OBJECT, size + 1024)}"
