"""Silver of the coordination contract: tasks, their latest states, metrics, lineage, quarantine.

Belongs here: rules, winners among copies, accounting. Does not: reading JSON
(`coordination_reader`), gold (`coordination_gold`).
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from .coordination_reader import Record, canonical, is_present, moment, scalar
from .table import Row, Table, table_of
from .values import rank

TIMES = ("created_at", "assigned_at", "started_at", "updated_at", "completed_at", "cancelled_at")
TASK_COLUMNS = [
    *("task_id", "timestamp", "status", "type", "priority", "title", "master"),
    *TIMES,
    *("duration_seconds", "is_success", "is_failure", "is_cancelled", "has_error"),
    *("performance_bucket", "error", "source_file", "source_row", "processed_at", "layer"),
]
METRIC_COLUMNS = [
    *("master", "date", "metric_name", "count", "sum", "avg", "min", "max"),
    *("first_timestamp", "last_timestamp"),
]
EVENT_COLUMNS = [
    *("task_id", "event_type", "timestamp", "payload", "source_file", "source_row", "layer"),
]
ORIGIN = ["source_file", "source_row", "ingested_at", "quarantine_reasons"]  # but for run_id
RAW = ["raw", *ORIGIN]
RAW_METRIC = ["master", "timestamp", "metric_name", "value", *ORIGIN]
FAST, SLOW = timedelta(seconds=30), timedelta(seconds=60)


def silver_tables(feeds: dict[str, list[Record]], logical_time: datetime) -> dict[str, Table]:
    """All silver tables, and `accounting` by table."""
    tables: dict[str, Table] = {}
    counts = [
        _tasks(feeds["tasks"], logical_time, tables),
        _metrics(feeds["metrics"], tables),
        _events(feeds["events"], tables),
    ]
    names = ["table", "bronze", "rows", "quarantined", "superseded"]
    tables["accounting"] = table_of(names, counts, ["table"])
    return tables


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()


def _first(*texts: str | None) -> str | None:
    return next((text for text in texts if text is not None), None)


def task_row(record: Record, logical_time: datetime) -> tuple[Row, list[str]]:
    """A record as a row of processed_tasks, and the rules that it breaks."""
    fields: dict[str, Any] = record.fields or {}
    metadata = fields.get("metadata")
    payload = fields.get("payload")
    given = {"timestamp": fields.get("timestamp")}
    for name in TIMES:
        given[name] = fields.get(name)
        if not is_present(given[name]) and isinstance(metadata, dict):
            given[name] = metadata.get(name)
    times = {name: moment(value) for name, value in given.items()}
    known = [time for time in times.values() if time is not None]
    status = _lower(scalar(fields.get("status")))
    status = "cancelled" if status == "canceled" else status
    inner = payload.get("title") if isinstance(payload, dict) else None
    error = _first(_error(fields.get("error")), _error(fields.get("error_message")))
    began, ended = times["created_at"], times["completed_at"]
    took = None
    if status in ("completed", "failed") and began and ended and ended >= began:
        took = ended - began
    row = {
        "task_id": _first(scalar(fields.get("task_id")), scalar(fields.get("id"))),
        "timestamp": max(known, default=None),
        "status": status,
        "type": _lower(_first(scalar(fields.get("type")), scalar(fields.get("task_type")))),
        "priority": _lower(scalar(fields.get("priority"))),
        "title": _first(scalar(fields.get("title")), scalar(inner)),
        "master": _lower(_first(scalar(fields.get("assigned_to")), scalar(fields.get("master")))),
        **{name: times[name] for name in TIMES},
        "duration_seconds": None if took is None else took / timedelta(seconds=1),
        "is_success": status == "completed",
        "is_failure": status == "failed",
        "is_cancelled": status == "cancelled",
        "has_error": error is not None,
        "performance_bucket": _bucket(took) if status == "completed" and took is not None else None,
        "error": error,
        "source_file": record.source_file,
        "source_row": record.source_row,
        "processed_at": logical_time,
        "layer": "silver",
    }
    present = any(is_present(value) for value in given.values())
    rules = {
        "missing_task_id": row["task_id"] is None,
        "missing_status": status is None,
        "missing_timestamp": not present,
        "invalid_timestamp": present and not known,
    }
    return row, [name for name, is_broken in rules.items() if is_broken]


def _bucket(took: timedelta) -> str:
    return "fast" if took < FAST else "slow" if took > SLOW else "normal"


def _error(value: Any) -> str | None:
    if isinstance(value, dict | list):
        return canonical(value) if value else None
    return None if value is False else scalar(value)


def _rejected(record: Record, reasons: list[str]) -> Row:
    return {
        "raw": record.identity,
        "source_file": record.source_file,
        "source_row": record.source_row,
        "ingested_at": record.ingested_at,
        "quarantine_reasons": reasons,
    }


def _count(table: str, bronze: int, rows: int, quarantined: int, superseded: int) -> Row:
    assert bronze == rows + quarantined + superseded, table
    return {
        "table": table,
        "bronze": bronze,
        "rows": rows,
        "quarantined": quarantined,
        "superseded": superseded,
    }


def _tasks(records: list[Record], logical_time: datetime, tables: dict[str, Table]) -> Row:
    rejected: list[Row] = []
    rivals: dict[tuple[Any, Any], list[tuple[Record, Row]]] = defaultdict(list)
    for record in records:
        row, reasons = task_row(record, logical_time)
        if record.fields is None:
            reasons = ["malformed_json"]
        if reasons:
            rejected.append(_rejected(record, reasons))
        else:
            rivals[row["task_id"], row["timestamp"]].append((record, row))
    winners = [max(rows, key=_precedence)[1] for rows in rivals.values()]
    latest: dict[str, Row] = {}
    for row in winners:
        day_ends = logical_time + timedelta(days=1)
        if row["timestamp"] >= day_ends:
            continue
        known = latest.setdefault(row["task_id"], row)
        if row["timestamp"] > known["timestamp"]:
            latest[row["task_id"]] = row
    key = ["task_id", "timestamp"]
    tables["silver.processed_tasks"] = table_of(TASK_COLUMNS, winners, key)
    tables["silver.current_tasks"] = table_of(TASK_COLUMNS, latest.values(), ["task_id"])
    tables["silver.processed_tasks_quarantine"] = table_of(RAW, rejected, ORIGIN[:2])
    valid = sum(map(len, rivals.values()))
    superseded = valid - len(winners)
    return _count("processed_tasks", len(records), len(winners), len(rejected), superseded)


def _precedence(pair: tuple[Record, Row]) -> tuple[Any, ...]:
    record, row = pair
    columns = (rank(row[name]) for name in TASK_COLUMNS)
    return (record.ingested_at, rank(row["created_at"]), *columns)


def _leaves(fields: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in fields.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _fits_double(value: Any) -> bool:
    try:
        return not isinstance(value, bool) and math.isfinite(value)
    except (TypeError, OverflowError):
        return False


def _place(record: Record) -> tuple[Any, ...]:
    return record.ingested_at, record.source_file.encode(), record.source_row


def _metrics(records: list[Record], tables: dict[str, Table]) -> Row:
    seen: set[tuple[str, str]] = set()
    rejected: list[Row] = []
    groups: dict[tuple[Any, ...], list[tuple[float, datetime]]] = defaultdict(list)
    bronze = superseded = 0
    for record in sorted(records, key=_place):
        if record.fields is None:
            bronze += 1
            nothing = dict.fromkeys(("master", "timestamp", "metric_name"))
            malformed = _rejected(record, ["malformed_json"])
            rejected.append({**malformed, **nothing, "value": record.text})
            continue
        own = {k: v for k, v in record.fields.items() if k not in ("master", "timestamp")}
        values = list(_leaves(own))
        bronze += len(values) or 1
        named = _first(scalar(record.fields.get("master")), record.constant, "unknown")
        master = str(_lower(named))
        if (master, record.identity) in seen:
            superseded += len(values) or 1
            continue
        seen.add((master, record.identity))
        given = record.fields.get("timestamp")
        at = moment(given)
        told = canonical(given) if is_present(given) else None
        common = {"master": master, "timestamp": told}
        if not values:
            empty = _rejected(record, ["no_values"])
            rejected.append({**empty, **common, "metric_name": None, "value": None})
        for name, value in values:
            is_number = _fits_double(value)
            rules = {
                "missing_timestamp": told is None,
                "invalid_timestamp": told is not None and at is None,
                "non_numeric_value": not is_number,
            }
            reasons = [rule for rule, is_broken in rules.items() if is_broken]
            if reasons or at is None:
                row = _rejected(record, reasons)
                rejected.append({**row, **common, "metric_name": name, "value": canonical(value)})
            else:
                groups[master, at.date(), name].append((float(value), at))
    rows = [_metric_row(key, found) for key, found in groups.items()]
    tables["silver.aggregated_metrics"] = table_of(METRIC_COLUMNS, rows, METRIC_COLUMNS[:3])
    table = table_of(RAW_METRIC, rejected, ["source_file", "source_row", "metric_name"])
    tables["silver.aggregated_metrics_quarantine"] = table
    counted = sum(map(len, groups.values()))
    return _count("aggregated_metrics", bronze, counted, len(rejected), superseded)


def _metric_row(key: tuple[Any, ...], found: list[tuple[float, datetime]]) -> Row:
    numbers = [number for number, _ in found]
    times = [at for _, at in found]
    figures = {
        "count": len(numbers),
        "sum": math.fsum(numbers),
        "avg": math.fsum(numbers) / len(numbers),
        "min": min(numbers),
        "max": max(numbers),
        "first_timestamp": min(times),
        "last_timestamp": max(times),
    }
    return {**dict(zip(METRIC_COLUMNS, key, strict=False)), **figures}


def _events(records: list[Record], tables: dict[str, Table]) -> Row:
    rejected: list[Row] = []
    firsts: dict[tuple[str, str], Row] = {}
    superseded = 0
    for record in sorted(records, key=_place):
        fields: dict[str, Any] = record.fields or {}
        given = fields.get("timestamp")
        row = {
            "task_id": scalar(fields.get("task_id")),
            "event_type": _lower(_first(scalar(fields.get("event_type")), record.constant)),
            "timestamp": moment(given),
            "payload": record.identity,
            "source_file": record.source_file,
            "source_row": record.source_row,
            "layer": "silver",
        }
        reasons = ["malformed_json"] if record.fields is None else list(_event_rules(row, given))
        if reasons:
            rejected.append(_rejected(record, reasons))
        elif (row["event_type"], row["payload"]) in firsts:
            superseded += 1
        else:
            firsts[row["event_type"], row["payload"]] = row
    rows: Iterable[Row] = firsts.values()
    tables["silver.validated_lineage"] = table_of(EVENT_COLUMNS, rows, ["event_type", "payload"])
    tables["silver.validated_lineage_quarantine"] = table_of(RAW, rejected, ORIGIN[:2])
    return _count("validated_lineage", len(records), len(firsts), len(rejected), superseded)


def _event_rules(row: Row, given: Any) -> Iterator[str]:
    if row["task_id"] is None:
        yield "missing_task_id"
    if row["event_type"] is None:
        yield "missing_event_type"
    if not is_present(given):
        yield "missing_timestamp"
    elif row["timestamp"] is None:
        yield "invalid_timestamp"
