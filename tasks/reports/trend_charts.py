"""A run beside the earlier runs: duration, rows, quarantine rate.

Belongs here: the series and the shape of their small charts (per cent across, pixels down). Does
not belong here: judging a change good or bad, or SVG text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from tasks.contracts.run_record import PastRun, RunRecord, RunStatus
from tasks.reports.human_figures import count, duration, percent
from tasks.reports.row_flow import table_flows, total_flow

HEIGHT = 56
_TOP = 8.0
_BOTTOM = 48.0
_INSET = 3.0


@dataclass(frozen=True)
class RunFigures:
    """What is compared of one run; None where the run has no such figure."""

    run_id: str
    run_date: date
    status: RunStatus
    seconds: float
    bronze_rows: int | None
    silver_rows: int | None
    quarantine_rate: float | None


@dataclass(frozen=True)
class TrendPoint:
    """One run in one chart: `x` in per cent, `y` in pixels, `text` its value."""

    run: RunFigures
    x: float
    y: float
    text: str
    is_this_run: bool


@dataclass(frozen=True)
class Trend:
    """One small chart. `lines` is SVG path data, 100 wide, broken where a run has no figure."""

    title: str
    height: int
    points: tuple[TrendPoint, ...]
    lines: tuple[str, ...]
    current: str
    change: str
    lowest: str
    highest: str


def trends(record: RunRecord) -> tuple[Trend, ...]:
    """The four charts over the earlier runs and this one; empty for a first run."""
    runs = [_of_past(run) for run in record.history if run.run_id != record.run_id]
    if not runs:
        return ()
    runs.append(_of_record(record))
    return (
        _trend("Duration", runs, lambda run: run.seconds, duration),
        _trend("Bronze rows", runs, lambda run: run.bronze_rows, _whole),
        _trend("Silver rows", runs, lambda run: run.silver_rows, _whole),
        _trend("Quarantine rate", runs, lambda run: run.quarantine_rate, percent),
    )


def _whole(value: float) -> str:
    return count(round(value))


def _of_past(run: PastRun) -> RunFigures:
    # A failed or unchanged run may have counted only a part of the rows, or none.
    has_rows = run.status != "failed" and run.bronze_rows > 0
    return RunFigures(
        run_id=run.run_id,
        run_date=run.run_date,
        status=run.status,
        seconds=run.seconds,
        bronze_rows=run.bronze_rows if has_rows else None,
        silver_rows=run.silver_rows if has_rows else None,
        quarantine_rate=run.quarantined_rows / run.bronze_rows if has_rows else None,
    )


def _of_record(record: RunRecord) -> RunFigures:
    total = total_flow(table_flows(record))
    has_rows = record.status != "failed" and total.bronze > 0
    return RunFigures(
        run_id=record.run_id,
        run_date=record.run_date,
        status=record.status,
        seconds=record.seconds,
        bronze_rows=total.bronze if has_rows else None,
        silver_rows=total.silver if has_rows else None,
        quarantine_rate=total.quarantine_rate if has_rows else None,
    )


def _trend(
    title: str,
    runs: Sequence[RunFigures],
    figure: Callable[[RunFigures], float | None],
    text: Callable[[float], str],
) -> Trend:
    values = [figure(run) for run in runs]
    known = [value for value in values if value is not None]
    low, high = (min(known), max(known)) if known else (0.0, 0.0)
    points: list[TrendPoint] = []
    stretches: list[list[str]] = [[]]
    for position, (run, value) in enumerate(zip(runs, values, strict=True)):
        if value is None:
            stretches.append([])
            continue
        x = round(_INSET + position * (100 - 2 * _INSET) / (len(runs) - 1), 3)
        part = (value - low) / (high - low) if high > low else 0.5
        y = round(_BOTTOM - part * (_BOTTOM - _TOP), 2)
        points.append(TrendPoint(run, x, y, text(value), position == len(runs) - 1))
        stretches[-1].append(f"{x} {y}")
    return Trend(
        title=title,
        height=HEIGHT,
        points=tuple(points),
        lines=tuple("M" + "L".join(s) for s in stretches if len(s) > 1),
        current=text(values[-1]) if values[-1] is not None else "not known",
        change=_change(values),
        lowest=text(low) if known else "",
        highest=text(high) if known else "",
    )


def _change(values: Sequence[float | None]) -> str:
    """The last value against the one before it that is known, in words."""
    now = values[-1]
    before = next((value for value in reversed(values[:-1]) if value is not None), None)
    if now is None or before is None:
        return ""
    if now == before:
        return "as the run before"
    if before == 0:
        return "up from 0"
    share = (now - before) / before
    return f"{'up' if share > 0 else 'down'} {percent(abs(share))} on the run before"
