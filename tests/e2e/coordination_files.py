"""A small, dirty delivery of coordination files: every shape of JSON, and every way to be wrong.

Belongs here: files as bytes. Does not belong here: what becomes of them (the oracle says).
"""

import gzip
import json
from pathlib import Path
from typing import Any

BOM = b"\xef\xbb\xbf"


def task(number: int, **fields: Any) -> dict[str, Any]:
    """A task that is as it should be, but for `fields`."""
    return {
        "task_id": f"t-{number}",
        "status": "completed",
        "type": "scan",
        "priority": "high",
        "title": f"Task {number}",
        "assigned_to": "security",
        "created_at": "2026-01-02T10:00:00Z",
        "completed_at": "2026-01-02T10:00:45Z",
        **fields,
    }


def lines(*records: Any) -> bytes:
    """JSON lines."""
    return b"".join(json.dumps(record, ensure_ascii=False).encode() + b"\n" for record in records)


def _queue() -> bytes:
    """An envelope whose other fields are no record, pretty-printed, with CRLF and a BOM."""
    tasks = [
        task(1),
        task(2, status=" CANCELED ", completed_at=None, cancelled_at="2026-01-03 08:00"),
        task(3, status="failed", error={"code": 7, "a": ["é", 1.50, {"z": 1, "b": None}]}),
        task(4, status="Completed", completed_at="2026-01-02T10:00:30Z"),
        task(5, completed_at="2026-01-02T10:00:29.999999Z", error=False),
        task(6, completed_at="2026-01-02T10:01:00Z", error=[]),
        task(7, completed_at="2026-01-02T10:01:00.000001Z", error="  ", error_message="late"),
        task(8, completed_at="2026-01-02T09:00:00Z"),
        "not an object",
        [1, {"b": 2, "a": "ö"}],
        17,
    ]
    text = json.dumps({"version": 1, "tasks": tasks, "updated_at": "x"}, indent=2)
    return BOM + text.replace("\n", "\r\n").encode()


def _odd_tasks() -> bytes:
    """Concatenated objects, some over several lines, with text that is no JSON among them."""
    good = json.dumps(task(20, title="früh"), indent=1, ensure_ascii=False)
    return b"".join(
        [
            good.encode(),
            b'{"id": 21, "status": "Pending", "timestamp": 1767348000}',
            b' \t {"id":"none","task_id":"22","status":"queued","updated_at":"1767348000123"}\n',
            b'{"task_id": "23", "status": NaN}\n',
            b'{"task_id": "24", "status": "queued", "updated_at": 1767348000123456}\n',
            b'this is no JSON {"task_id": "lost"}\n  {"task_id": "lost, too"}\n',
            b'[{"task_id": "25", "status": "a", "updated_at": 1767348000.25}, null, true]\n',
            b'{"task_id": "26", "status": "queued", "tasks": [{"id": "no envelope"}], '
            b'"updated_at": "2026-01-05t23:30:00 -0130"}\n',
            b'{"task_id": "27", "status": "x", "updated_at": "2026-01-05T10:00:00-06", '
            b'"task_id": "28"}\n',
            b'{"task_id": "29", "status": "broken in the mid\n',
            b'{"task_id": "30", "status": "queued", "updated_at": "01767348000"}\n',
            b'{"task_id": "torn',
        ]
    )


def _rules() -> bytes:
    """Records that break rules, and those that only seem to."""
    return lines(
        {"status": "queued", "updated_at": "2026-01-04"},
        {"task_id": "n/a", "id": " NaN ", "status": "null", "timestamp": ""},
        {"task_id": "40", "status": "queued"},
        {"task_id": "41", "status": "queued", "timestamp": "yesterday", "created_at": [1]},
        {"task_id": "42", "status": "queued", "created_at": {}, "metadata": {"created_at": 2e9}},
        {"task_id": "43", "status": "queued", "created_at": "", "metadata": {"created_at": 2e9}},
        {"task_id": "44", "status": True, "metadata": "2026", "updated_at": "2026-01-04T24:00:00Z"},
        {"task_id": "45", "status": 7, "updated_at": 999999999},
        {"task_id": "46", "status": ["queued"], "updated_at": "2026-01-04T12:00:00+01:00"},
        {"task_id": 1.5e300, "status": "queued", "updated_at": "2026-01-04T12:00:00utc"},
        {"task_id": 0.00001, "status": "queued", "updated_at": "2026-01-04T12:00:00.1234567z"},
        {"layer": "mine", "source_file": {"a": 1}, "_received": 1, "id": "47", "status": ""},
        {
            "id": "48",
            "status": "completed",
            "task_type": "Bug-Fix",
            "priority": 3,
            "payload": {"title": "\tof the payload\r\n", "x": 1},
            "master": "Development\n",
            "metadata": {
                "created_at": "2026-01-03T00:00:00Z",
                "completed_at": "2026-01-03T00:01:40.5Z",
            },
        },
        {"id": "49", "status": "queued", "payload": [1], "updated_at": 99999999999},
        {"id": "51", "status": "queued", "updated_at": 99999999999999},
        {"id": "53", "status": "queued", "updated_at": "9" * 40},
        {"id": "54", "status": "queued", "updated_at": 10**30},
        # Opened again: the last change counts, whichever field tells it.
        task(60, updated_at="2026-01-06T00:00:00Z", status="in_progress"),
        task(60),
        task(60, title="Task 60 again"),
        task(60, created_at="2026-01-02T09:59:00Z", title="Task 60 of an earlier creation"),
        task(61, status="queued", completed_at=None, updated_at="2026-01-08T23:59:59.999999Z"),
        task(61, status="completed", completed_at="2026-01-09T00:00:00Z"),
    )


def _metrics() -> bytes:
    record = {
        "timestamp": "2026-01-02T15:33:21-0600",
        "workers": {"active": 17, "Idle ": 2.5, "none": {}, "names": ["a", 1.0]},
        "text": "3",
        "is_fine": False,
        "nothing": None,
    }
    return (
        lines(
            record,
            record,
            dict(reversed(record.items())),
            {**record, "master": " Security "},
            {**record, "timestamp": "2026-01-02T15:33:22-0600"},
            {
                "timestamp": "2026-01-02T15:33:22-0600",
                "workers.active": 3,
                "workers": {"active": 5},
            },
            {"workers": {"active": 1}, "timestamp": "N/A", "also": "é"},
            {"workers": {"active": 2}, "timestamp": "soon", "large": 10**400},
            {"timestamp": "2026-01-02", "empty": {"deep": {}}},
            {"timestamp": "2026-01-02", "empty": {"deep": {}}},
            {},
            {"metrics": [1], "id": "x", "timestamp": 1767348000, "small": 1e-7},
        )
        + b'{"timestamp": "2026-01-02", "half": 1.\n'
        b'{"metrics": [{"timestamp": "2026-01-03", "v": -0.0}]}'
    )


def _quality() -> bytes:
    records = [
        {"timestamp": "2026-01-02T10:56:04-06:00", "valid": True, "error_count": 1},
        {"timestamp": "2026-01-02T10:56:05-06:00", "valid": False, "error_count": 2},
    ]
    return "\n".join(json.dumps(record, indent=2) for record in records).encode()


def _events() -> bytes:
    event = {"event_type": "Worker_Died", "task_id": "t-1", "timestamp": "2026-01-02T01:02:03Z"}
    return (
        lines(
            event,
            {**event, "detail": {"b": "\u2028ü", "a": [3, 2.0]}},
            event,
            dict(reversed(event.items())),
            {**event, "task_id": None},
            {**event, "task_id": None},
            {**event, "event_type": "NULL", "timestamp": None},
            {**event, "timestamp": "later"},
            {**event, "event_type": "../../odd type", "layer": "keyword"},
            {**event, "event_type": "", "task_id": {}},
        )
        + b'{"event_type": "torn", \xff}\n[]\n[{"events": []}]\n{"events": []}\n"text"\n'
    )


def _performance() -> bytes:
    return lines(
        {"task_id": "t-2", "timestamp": "2026-01-02T22:37:02.875179+00:00", "layer": "semantic"},
        {"task_id": "t-2", "timestamp": "2026-01-02T22:37:02.875179+00:00", "event_type": "own"},
    )


def write_first_delivery(folder: Path) -> None:
    """Write all files but one."""
    contents = {
        "task_queues/task-queue.json": _queue(),
        "task_queues/task-queue.json.backup": lines(task(1), task(9, title="only here")),
        "tasks/odd tasks.json": _odd_tasks(),
        "tasks/rules.json": _rules(),
        "tasks/empty.json": b"",
        "metrics/metrics.jsonl": _metrics(),
        "multiline/quality-metrics.jsonl": _quality(),
        "events/heartbeat.jsonl.gz": gzip.compress(_events(), mtime=0),
        "events/routing-performance.jsonl": _performance(),
        "multiline/routing-decisions.jsonl": _performance().replace(b"t-2", b"t-3"),
    }
    _write(folder, contents)


def write_second_delivery(folder: Path) -> None:
    """Write what comes the day after: later states, copies of what is known, and new faults."""
    contents = {
        "task_queues/task-queue-2.json": lines(
            task(1, title="Task 1, told anew"),
            task(2, status="completed", updated_at="2026-01-09T12:00:00Z"),
            {"task_id": "t-99", "status": ""},
        ),
        "metrics/metrics-2.jsonl": _metrics(),
        "events/a-heartbeat.jsonl": _events().replace(b", \xff}", b"}"),
    }
    _write(folder, contents)


def _write(folder: Path, contents: dict[str, bytes]) -> None:
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
