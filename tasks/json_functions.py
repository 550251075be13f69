"""SQL functions over JSON text that DuckDB lacks, for the process that runs dbt.

Belongs here: their registration, and from columns of lines to columns of values. Does not belong
here: what a record or canonical JSON is (`feed_lines.py`, `json_text.py`), or rules (`dbt/`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import duckdb
import pyarrow as pa
from duckdb.func import PythonUDFType

from tasks.contracts.json_feed import CONSTANT, INGESTED_AT, MALFORMED, SOURCE_FILE, SOURCE_ROW
from tasks.feed_lines import UNKNOWN, received, scalar
from tasks.json_text import canonical, leaves, number_of, parsed, without_surrogates

_ORIGIN = {SOURCE_FILE: pa.string(), SOURCE_ROW: pa.int64(), INGESTED_AT: pa.string()}
_MEMBER = pa.struct({"name": pa.string(), "value": pa.string(), "number": pa.float64()})
_METRICS = pa.struct(
    {
        "malformed": pa.string(),
        "record": pa.string(),
        "master": pa.string(),
        "timestamp": pa.string(),
        "members": pa.list_(_MEMBER),
        **_ORIGIN,
    }
)
_EVENT = pa.struct(
    {
        "malformed": pa.string(),
        "record": pa.string(),
        "task_id": pa.string(),
        "event_type": pa.string(),
        "timestamp": pa.string(),
        **_ORIGIN,
    }
)
_NO_METRICS = frozenset({"master", "timestamp"})


def register(engine: duckdb.DuckDBPyConnection) -> None:
    """Make `canonical_json`, `received_json`, `metric_record` and `event_record` known."""
    functions: dict[str, tuple[Callable[[str], Any], pa.DataType, str]] = {
        "canonical_json": (_canonical, pa.string(), "VARCHAR"),
        "received_json": (_received, pa.string(), "VARCHAR"),
        "metric_record": (metric_record, _METRICS, _sql_type(_METRICS)),
        "event_record": (event_record, _EVENT, _sql_type(_EVENT)),
    }
    for name, (function, kind, returned) in functions.items():
        over = _over_columns(function, kind)
        engine.create_function(name, over, ["VARCHAR"], returned, type=PythonUDFType.ARROW)


def metric_record(line: str) -> dict[str, Any]:
    """Return what a line of bronze says of metrics; `members` are its values, one by one."""
    found, origin = parsed(line), _origin(line)
    record = received(line)
    if record is None:
        return {"malformed": found[MALFORMED], "members": [], **origin}
    master = scalar(record.get("master")) or scalar(found.get(CONSTANT)) or UNKNOWN
    return {
        "record": canonical(record),
        "master": without_surrogates(master.lower()),
        "timestamp": _present(record.get("timestamp")),
        "members": [
            {
                "name": without_surrogates(name),
                "value": canonical(value),
                "number": number_of(value),
            }
            for name, value in leaves(record, _NO_METRICS)
        ],
        **origin,
    }


def event_record(line: str) -> dict[str, Any]:
    """Return what a line of bronze says of an event."""
    found, origin = parsed(line), _origin(line)
    record = received(line)
    if record is None:
        return {"malformed": found[MALFORMED], **origin}
    task_id = scalar(record.get("task_id"))
    event_type = scalar(record.get("event_type")) or scalar(found.get(CONSTANT))
    return {
        "record": canonical(record),
        "task_id": None if task_id is None else without_surrogates(task_id),
        "event_type": None if event_type is None else without_surrogates(event_type.lower()),
        "timestamp": _present(record.get("timestamp")),
        **origin,
    }


def _canonical(text: str) -> str:
    return canonical(parsed(text))


def _received(line: str) -> str:
    """The record of a line in canonical JSON, or its text where it is malformed."""
    record = received(line)
    return canonical(record) if record is not None else str(parsed(line)[MALFORMED])


def _origin(line: str) -> dict[str, Any]:
    found = parsed(line)
    return {name: found.get(name) for name in _ORIGIN}


def _present(value: Any) -> str | None:
    """A value in canonical JSON, None where the field is not present."""
    if isinstance(value, dict | list):
        return canonical(value)
    return None if scalar(value) is None else canonical(value)


def _over_columns(
    function: Callable[[str], Any], kind: pa.DataType
) -> Callable[[pa.ChunkedArray], pa.Array]:
    def over(texts: pa.ChunkedArray) -> pa.Array:
        values = [None if text is None else function(text) for text in texts.to_pylist()]
        return pa.array(values, kind)

    return over


def _sql_type(kind: pa.DataType) -> str:
    if pa.types.is_struct(kind):
        members = (f'"{field.name}" {_sql_type(field.type)}' for field in kind)
        return f"STRUCT({', '.join(members)})"
    if pa.types.is_list(kind):
        return f"{_sql_type(kind.value_type)}[]"
    return {pa.string(): "VARCHAR", pa.int64(): "BIGINT", pa.float64(): "DOUBLE"}[kind]
