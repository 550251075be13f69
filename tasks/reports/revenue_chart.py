"""The shape of the revenue chart: a line of days, what is usual as a band or mean, the odd days.

Belongs here: positions (per cent across, pixels down) and the scale. Does not belong here:
deciding what is an anomaly, or SVG text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tasks.contracts.run_record import DayFigure

HEIGHT = 240
_TOP = 26.0
_BOTTOM = 212.0
_INSET = 2.0  # per cent kept free at either side, for the marks of the first and last day
_TICKS = 4
_CENT = 0.01  # no finer scale means anything for money

Point = tuple[float, float]


@dataclass(frozen=True)
class DayMark:
    """One day: `x` and `width` (of its hover area) in per cent, `y` in pixels."""

    day: DayFigure
    x: float
    y: float
    left: float
    width: float


@dataclass(frozen=True)
class Tick:
    """A line across the chart, with the amount that it stands for."""

    y: float
    label: str


@dataclass(frozen=True)
class RevenueChart:
    """All that the template needs; `line`, `means` and `bands` are SVG path data, 100 wide."""

    height: int
    base: float
    marks: tuple[DayMark, ...]
    line: str
    bands: tuple[str, ...]
    means: tuple[str, ...]
    ticks: tuple[Tick, ...]
    labels: tuple[DayMark, ...]

    @property
    def is_judged(self) -> bool:
        return any(mark.day.anomaly for mark in self.marks)

    @property
    def odd_days(self) -> tuple[DayFigure, ...]:
        return tuple(m.day for m in self.marks if m.day.anomaly in {"HIGH", "LOW"})


def revenue_chart(figures: Iterable[DayFigure]) -> RevenueChart | None:
    """The chart of the days in order, or None when there is no day.

    A revenue that is no finite number cannot be drawn: its day is left out. A limit that is none
    counts as missing.
    """
    drawable = (_with_finite_figures(f) for f in figures if math.isfinite(f.net_revenue))
    days = sorted(drawable, key=lambda figure: figure.dt)
    if not days:
        return None
    ticks = _tick_values(days)
    low, high = ticks[0], ticks[-1]

    def y(value: float) -> float:
        return round(_BOTTOM - (value - low) / (high - low) * (_BOTTOM - _TOP), 2)

    first = days[0].dt
    span = (days[-1].dt - first).days
    step = (100 - 2 * _INSET) / span if span else 100 - 2 * _INSET

    def x(figure: DayFigure) -> float:
        return round(_INSET + (figure.dt - first).days * step, 3) if span else 50.0

    marks = tuple(
        DayMark(day, x(day), y(day.net_revenue), round(x(day) - step / 2, 3), round(step, 3))
        for day in days
    )
    line = "M" + "L".join(f"{mark.x} {mark.y}" for mark in marks)
    bands = tuple(
        _band_path(
            [(x(day), y(day.high)) for day in run if day.high is not None],
            [(x(day), y(day.low)) for day in run if day.low is not None],
            step,
        )
        for run in _runs(days, lambda day: day.low is not None and day.high is not None)
    )
    # The band shows where the mean is, and a line more would only hide it.
    means = tuple(
        "M" + "L".join(f"{x(day)} {y(day.mean)}" for day in run if day.mean is not None)
        for run in _runs(days, lambda day: day.mean is not None)
        if not bands and len(run) > 1
    )
    tick_marks = tuple(Tick(y(value), _tick_label(value)) for value in ticks)
    picked = sorted({0, len(marks) // 2, len(marks) - 1})
    return RevenueChart(
        HEIGHT, _BOTTOM, marks, line, bands, means, tick_marks, tuple(marks[i] for i in picked)
    )


def _with_finite_figures(figure: DayFigure) -> DayFigure:
    limits = {"low": figure.low, "high": figure.high, "mean": figure.mean}
    lacking = {k: None for k, v in limits.items() if v is not None and not math.isfinite(v)}
    return figure.model_copy(update=lacking) if lacking else figure


def _runs(days: Sequence[DayFigure], has: Callable[[DayFigure], bool]) -> list[list[DayFigure]]:
    """The stretches of days that have what is drawn; it is broken in between."""
    runs: list[list[DayFigure]] = [[]]
    for day in days:
        if has(day):
            runs[-1].append(day)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _band_path(upper: Sequence[Point], lower: Sequence[Point], step: float) -> str:
    if len(upper) == 1:  # a day alone has no width of its own
        (x, top), (_, bottom) = upper[0], lower[0]
        left, right = round(x - step / 2, 3), round(x + step / 2, 3)
        upper, lower = [(left, top), (right, top)], [(left, bottom), (right, bottom)]
    outline = [*upper, *reversed(lower)]
    return "M" + "L".join(f"{x} {y}" for x, y in outline) + "Z"


def _tick_values(days: Sequence[DayFigure]) -> list[float]:
    """Round amounts that enclose every value and limit; from 0 unless that flattens the line."""
    values = [day.net_revenue for day in days]
    values += [v for day in days for v in (day.low, day.high, day.mean) if v is not None]
    lowest, highest = min(values), max(values)
    if lowest == highest or 0 <= lowest < highest * 0.6:
        lowest, highest = min(0.0, lowest), max(0.0, highest)
    if lowest == highest:
        highest = 1.0
    rough = max((highest - lowest) / _TICKS, _CENT)
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next(m * magnitude for m in (1, 2, 2.5, 5, 10) if m * magnitude >= rough * 0.999)
    start, stop = math.floor(lowest / step), math.ceil(highest / step)
    return [round(i * step, 6) for i in range(start, stop + 1)]


def _tick_label(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"
