"""Gold of the coordination contract: measures of tasks by day, master, type and status; documents.

Belongs here: the measures, and how they are cut and told. Does not: silver (`coordination_silver`).
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from .table import Row, Table, table_of
from .values import days, ratio

SUMMARY = [
    *("total_tasks", "completed_tasks", "failed_tasks", "cancelled_tasks"),
    *("completion_rate", "success_rate", "avg_duration_seconds"),
]
PERFORMANCE = [
    *("p50_duration", "p95_duration", "p99_duration", "fast_tasks", "normal_tasks", "slow_tasks"),
]
MEASURES = [*SUMMARY, *PERFORMANCE]
LISTED = ["task_id", "status", "type", "priority", "timestamp", "duration_seconds"]


def measures(tasks: list[Row]) -> Row:
    """The measures of any set of tasks."""

    def of(status: str) -> int:
        return sum(task["status"] == status for task in tasks)

    completed, failed = of("completed"), of("failed")
    took = sorted(
        task["duration_seconds"]
        for task in tasks
        if task["status"] == "completed" and task["duration_seconds"] is not None
    )
    buckets = [task["performance_bucket"] for task in tasks]
    return {
        "total_tasks": len(tasks),
        "completed_tasks": completed,
        "failed_tasks": failed,
        "cancelled_tasks": of("cancelled"),
        "completion_rate": ratio(100 * completed, len(tasks)),
        "success_rate": ratio(100 * completed, completed + failed),
        "avg_duration_seconds": sum(took) / len(took) if took else None,
        "p50_duration": _percentile(took, 50),
        "p95_duration": _percentile(took, 95),
        "p99_duration": _percentile(took, 99),
        "fast_tasks": buckets.count("fast"),
        "normal_tasks": buckets.count("normal"),
        "slow_tasks": buckets.count("slow"),
    }


def _percentile(ordered: list[float], percent: int) -> float | None:
    if not ordered:
        return None
    whole, rest = divmod((len(ordered) - 1) * percent, 100)
    if rest == 0:
        return ordered[whole]
    return ordered[whole] + (ordered[whole + 1] - ordered[whole]) * rest / 100


def _grouped(tasks: Iterable[Row], *names: str) -> dict[tuple[Any, ...], list[Row]]:
    found: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for task in tasks:
        found[tuple(task[name] for name in names)].append(task)
    return found


def counted_tasks(current: Table) -> list[Row]:
    """The tasks with the day on which each counts, and names for what is not known."""
    return [
        {
            **row,
            "date": row["timestamp"].date(),
            "master": row["master"] or "unknown",
            "type": row["type"] or "unknown",
        }
        for row in current.dicts()
    ]


def gold_tables(tasks: list[Row], run_date: date) -> dict[str, Table]:
    """Every gold table of a run."""
    first = min((task["date"] for task in tasks), default=run_date)
    by_day = _grouped(tasks, "date")
    daily = [{"date": day, **measures(by_day.get((day,), []))} for day in days(first, run_date)]
    tables = {"gold.daily_analytics": table_of(["date", *MEASURES], daily, ["date"])}
    for name in ("master", "type"):
        rows = [
            {"date": day, name: value, **measures(found)}
            for (day, value), found in _grouped(tasks, "date", name).items()
        ]
        tables[f"gold.by_{name}"] = table_of(["date", name, *MEASURES], rows, ["date", name])
    statuses = [
        {"date": day, "status": status, "total_tasks": len(found)}
        for (day, status), found in _grouped(tasks, "date", "status").items()
    ]
    keys = ["date", "status"]
    tables["gold.by_status"] = table_of([*keys, "total_tasks"], statuses, keys)
    kpis = {"start_date": first, "end_date": run_date, **measures(tasks)}
    keys = ["start_date", "end_date"]
    tables["gold.kpis"] = table_of([*keys, *MEASURES], [kpis], keys)
    reports = [
        {"master": master, "date": day, **measures(found), "tasks": _listed(found)}
        for (master, day), found in _grouped(tasks, "master", "date").items()
    ]
    keys = ["master", "date"]
    tables["gold.master_report"] = table_of([*keys, *MEASURES, "tasks"], reports, keys)
    return tables


def _listed(tasks: list[Row]) -> list[Row]:
    ordered = sorted(tasks, key=lambda task: (task["timestamp"], task["task_id"].encode()))
    return [{name: task[name] for name in LISTED} for task in ordered]


def documents(tasks: list[Row], run_date: date) -> dict[str, Any]:
    """Every JSON document of a run by its file's name."""
    first = min((task["date"] for task in tasks), default=run_date)
    found: dict[str, Any] = {}
    by_day = _grouped(tasks, "date")
    for day in days(first, run_date):
        of_day = by_day.get((day,), [])
        found[f"daily-{day:%Y%m%d}.json"] = {
            "date": day.isoformat(),
            "layer": "gold",
            "summary": _part(of_day, SUMMARY),
            "by_master": _breakdown(of_day, "master"),
            "by_status": [
                {"status": status, "total_tasks": len(own)}
                for (status,), own in sorted(_grouped(of_day, "status").items())
            ],
            "by_type": _breakdown(of_day, "type"),
            "performance": _part(of_day, PERFORMANCE),
        }
    found |= kpi_document(tasks, first, run_date)
    for (master, day), own in _grouped(tasks, "master", "date").items():
        name = re.sub(r"[^a-z0-9._-]", "_", master)
        found[f"{name}-{day:%Y%m%d}.json"] = {
            "master": master,
            "date": day.isoformat(),
            "layer": "gold",
            "summary": _part(own, SUMMARY),
            "performance": _part(own, PERFORMANCE),
            "tasks": [{**task, "timestamp": _instant(task["timestamp"])} for task in _listed(own)],
        }
    return found


def kpi_document(tasks: list[Row], start: date, end: date) -> dict[str, Any]:
    """The document of a range of days, by its file's name."""
    own = [task for task in tasks if start <= task["date"] <= end]
    document = {
        "start_date": start.isoformat(),
        "end_date": end.isoformat(),
        "layer": "gold",
        "summary": _part(own, SUMMARY),
        "by_master": _breakdown(own, "master"),
        "performance": _part(own, PERFORMANCE),
    }
    return {f"kpis-{start:%Y%m%d}-to-{end:%Y%m%d}.json": document}


def _part(tasks: list[Row], names: list[str]) -> Row:
    found = measures(tasks)
    return {name: found[name] for name in names}


def _breakdown(tasks: list[Row], name: str) -> list[Row]:
    grouped = sorted(_grouped(tasks, name).items(), key=lambda item: item[0][0].encode())
    return [{name: value, **_part(own, SUMMARY)} for (value,), own in grouped]


def _instant(moment: datetime) -> str:
    text = moment.isoformat()
    return f"{text}Z" if moment.microsecond == 0 else f"{text[:19]}.{moment:%f}Z"
