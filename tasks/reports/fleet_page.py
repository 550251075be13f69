"""The HTML page of a fleet's day: one file without scripts that fetches nothing.

Belongs here: what the page shows of a day's document, and the shapes of its charts. Does not belong
here: the figures (`tasks/fleet_documents.py`), or writing the file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

import jinja2

from tasks.reports.human_figures import count
from tasks.reports.page_templates import page_environment

TREND_DAYS = 30
_HEIGHT, _TOP, _BOTTOM, _INSET = 160, 10.0, 140.0, 2.0


@dataclass(frozen=True)
class DayRate:
    """A day of the trend: its tasks, and how many of 100 were completed (None without tasks)."""

    day: date
    total_tasks: int
    completion_rate: float | None


@dataclass(frozen=True)
class Bar:
    """A row of a breakdown. `width` is a share of the widest, in per cent."""

    name: str
    tasks: int
    width: float
    figures: Mapping[str, Any]


@dataclass(frozen=True)
class TrendPoint:
    """A day of the chart: `x` in per cent, `y` in pixels."""

    rate: DayRate
    x: float
    y: float
    is_today: bool


def fleet_page(document: Mapping[str, Any], trend: Sequence[DayRate]) -> str:
    """Render the page of a day from its document (`daily-YYYYMMDD.json`) and the days up to it.

    The text is a complete HTML document. It holds no script and refers to nothing outside itself;
    every value is escaped.
    """
    performance = document["performance"]
    percentiles = [
        (name, performance[key])
        for name, key in (
            ("Half of them", "p50_duration"),
            ("95 of 100", "p95_duration"),
            ("99 of 100", "p99_duration"),
        )
    ]
    longest = max((value for _, value in percentiles if value is not None), default=0.0)
    points = _points(trend)
    return (
        _environment()
        .get_template("fleet.html.j2")
        .render(
            day=document["date"],
            summary=document["summary"],
            masters=_bars(document["by_master"], "master"),
            statuses=_bars(document["by_status"], "status"),
            types=_bars(document["by_type"], "type"),
            percentiles=[(name, value, _share(value, longest)) for name, value in percentiles],
            buckets=[
                ("under 30 s", performance["fast_tasks"]),
                ("30 to 60 s", performance["normal_tasks"]),
                ("over 60 s", performance["slow_tasks"]),
            ],
            points=points,
            lines=_lines(trend, points),
            first=trend[0].day if trend else None,
            height=_HEIGHT,
            grid=[(rate, _y(rate)) for rate in (0, 50, 100)],
        )
    )


def _bars(rows: Sequence[Mapping[str, Any]], key: str) -> list[Bar]:
    """Rows of a breakdown, largest first."""
    most = max((row["total_tasks"] for row in rows), default=0)
    ordered = sorted(rows, key=lambda row: (-row["total_tasks"], row[key]))
    return [
        Bar(row[key], row["total_tasks"], _share(row["total_tasks"], most), row) for row in ordered
    ]


def _share(value: float | None, of: float) -> float:
    return round(100 * value / of, 2) if value and of else 0.0


def _y(rate: float) -> float:
    return round(_BOTTOM - rate / 100 * (_BOTTOM - _TOP), 2)


def _points(trend: Sequence[DayRate]) -> list[TrendPoint]:
    apart = (100 - 2 * _INSET) / max(len(trend) - 1, 1)
    return [
        TrendPoint(
            rate,
            round(_INSET + position * apart, 3),
            _y(rate.completion_rate),
            position == len(trend) - 1,
        )
        for position, rate in enumerate(trend)
        if rate.completion_rate is not None
    ]


def _lines(trend: Sequence[DayRate], points: Sequence[TrendPoint]) -> list[str]:
    """SVG path data, broken where a day has no tasks."""
    by_day = {point.rate.day: point for point in points}
    stretches: list[list[str]] = [[]]
    for rate in trend:
        point = by_day.get(rate.day)
        if point is None:
            stretches.append([])
        else:
            stretches[-1].append(f"{point.x} {point.y}")
    return ["M" + "L".join(stretch) for stretch in stretches if len(stretch) > 1]


def _percent(value: float | None) -> str:
    return "none" if value is None else f"{value:.1f} %"


def _seconds(value: float | None) -> str:
    return "none" if value is None else f"{value:,.1f} s"


@cache
def _environment() -> jinja2.Environment:
    environment = page_environment()
    environment.filters |= {"tasks": count, "percent": _percent, "seconds": _seconds}
    return environment
