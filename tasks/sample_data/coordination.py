"""A made-up fleet: tasks, metrics and events as JSON lines, some of them with a fault.

Belongs here: what the records look like, and writing them. Does not belong here: options of the
command, or other pipelines' samples. The same seed gives the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from tasks.sample_data.write import SampleSummary

FIRST_DAY = date(2024, 1, 1)
_MASTERS = ("security", "development", "inventory", "cicd", "Coordinator")
_TYPES = ("security-scan", "feature", "bug-fix", "catalog", "validation")
_PRIORITIES = ("low", "medium", "high", "Critical")
_OUTCOMES = ("completed",) * 14 + ("failed",) * 3 + ("canceled", "in_progress", "queued")
_EVENTS = ("worker_started", "worker_heartbeat", "worker_presumed_dead", "routing_decision")
_DAY_SECONDS = 86_400
_EVENTS_A_TASK = 0.5
_METRIC_MINUTES = 30


@dataclass
class _Written:
    """What has been written so far: records by feed, those with a fault, files and bytes."""

    rows: dict[str, int] = field(default_factory=dict)
    faulty: int = 0
    files: int = 0
    bytes: int = 0


def write_coordination(
    out: Path,
    *,
    tasks: int,
    days: int,
    seed: int,
    dirt: float = 0.01,
    first_day: date = FIRST_DAY,
) -> tuple[SampleSummary, int]:
    """Write `tasks` tasks over `days` days, with the metrics and events of a fleet doing them.

    Of all records the share `dirt` breaks a rule or is no JSON; how many do is returned, too.
    Raises ValueError for fewer tasks than days, OSError when the disk does not suffice.
    """
    if tasks < days:
        raise ValueError(f"{tasks} tasks are too few for {days} days")
    random = Random(seed)  # noqa: S311 - made-up data
    written = _Written()
    number = 0
    for offset in range(days):
        day = first_day + timedelta(days=offset)
        upto = tasks * (offset + 1) // days
        _write(
            out / "task_queues" / f"tasks-{day:%Y%m%d}.jsonl",
            "tasks",
            (_task(random, n, day) for n in range(number, upto)),
            random,
            dirt,
            written,
        )
        events = int((upto - number) * _EVENTS_A_TASK)
        of_day = (_event(random, day, number, upto) for _ in range(events))
        _write(
            out / "events" / f"events-{day:%Y%m%d}.jsonl", "events", of_day, random, dirt, written
        )
        snapshots = (
            _snapshot(random, day, minute) for minute in range(0, 24 * 60, _METRIC_MINUTES)
        )
        path = out / "metrics" / f"metrics-{day:%Y%m%d}.jsonl"
        _write(path, "metrics", snapshots, random, dirt, written)
        number = upto
    last = first_day + timedelta(days=days - 1)
    summary = SampleSummary(written.rows, written.files, written.bytes, first_day, last)
    return summary, written.faulty


def _task(random: Random, number: int, day: date) -> dict[str, Any]:
    created = datetime.combine(day, datetime.min.time(), UTC) + timedelta(
        seconds=random.randrange(_DAY_SECONDS - 600)
    )
    status = random.choice(_OUTCOMES)
    task = {
        "task_id": f"task-{number:08d}",
        "title": f"Routine check {number}",
        "type": random.choice(_TYPES),
        "priority": random.choice(_PRIORITIES),
        "status": status,
        "assigned_to": random.choice(_MASTERS),
        "created_at": _moment(created),
        "started_at": _moment(created + timedelta(seconds=random.randrange(1, 9))),
        "metadata": {"attempt": random.randrange(1, 4), "source": "sample"},
    }
    if status in ("completed", "failed"):
        ended = created + timedelta(seconds=10 + random.randrange(110))
        task["completed_at"] = _moment(ended)
    elif status == "canceled":
        task["cancelled_at"] = _moment(created + timedelta(seconds=random.randrange(9, 500)))
    if status == "failed":
        task["error"] = random.choice(("Worker was killed", "Out of tokens", "No such repository"))
    return task


def _event(random: Random, day: date, first: int, upto: int) -> dict[str, Any]:
    at = datetime.combine(day, datetime.min.time(), UTC)
    at += timedelta(milliseconds=random.randrange(_DAY_SECONDS * 1000))
    return {
        "event_type": random.choice(_EVENTS),
        "task_id": f"task-{random.randrange(first, upto):08d}",
        "worker_id": f"worker-{random.randrange(200):03d}",
        "timestamp": f"{at:%Y-%m-%dT%H:%M:%S.%f}"[:23] + "Z",
        "confidence": round(random.random(), 3),
    }


def _snapshot(random: Random, day: date, minute: int) -> dict[str, Any]:
    at = datetime.combine(day, datetime.min.time(), UTC) + timedelta(minutes=minute)
    return {
        "timestamp": _moment(at),
        "workers": {"active": random.randrange(20), "completed": random.randrange(60)},
        "tokens": {
            "used": random.randrange(300_000),
            "usage_percentage": random.randrange(1000) / 10,
        },
    }


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _write(
    path: Path,
    feed: str,
    records: Iterator[dict[str, Any]],
    random: Random,
    dirt: float,
    written: _Written,
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for record in records:
            count += 1
            if random.random() < dirt:
                written.faulty += 1
                file.write(_spoilt(random, record))
            else:
                file.write(json.dumps(record))
            file.write("\n")
    written.rows[feed] = written.rows.get(feed, 0) + count
    written.files += 1
    written.bytes += path.stat().st_size


def _spoilt(random: Random, record: dict[str, Any]) -> str:
    """Return a record with a fault: torn, without what it needs, or with a time that is none."""
    kind = random.randrange(3)
    if kind == 0:
        return json.dumps(record)[: random.randrange(10, 40)]
    if kind == 1:
        return json.dumps({**record, "task_id": "n/a", "timestamp": " "})
    times = {name for name in record if name.endswith("_at") or name == "timestamp"}
    return json.dumps({**record, **dict.fromkeys(times, "not yet")})
