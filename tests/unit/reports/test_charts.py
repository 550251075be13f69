"""The shapes of the revenue chart, the trends and the timeline."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_record import bare_run, failed_run, published_run

from tasks.contracts.run_record import DayFigure, StageRecord
from tasks.reports.revenue_chart import revenue_chart
from tasks.reports.stage_timeline import stage_bars
from tasks.reports.trend_charts import trends


def day(number: int, revenue: float, low: float | None = None, high: float | None = None):
    dt = date(2024, 1, number)
    return DayFigure(dt=dt, net_revenue=revenue, low=low, high=high, anomaly="NORMAL")


def test_no_day_gives_no_chart():
    assert revenue_chart(()) is None


@pytest.mark.parametrize("revenue", [0.0, 5.0, -3.5, 1e9])
def test_one_day_stands_in_the_middle(revenue):
    chart = revenue_chart([day(1, revenue, revenue, revenue)])
    assert chart.marks[0].x == 50
    assert 0 <= chart.marks[0].y <= chart.base
    assert len(chart.bands) == 1


def test_days_are_sorted_and_gaps_in_time_keep_their_width():
    chart = revenue_chart([day(5, 2.0), day(1, 1.0), day(2, 3.0)])
    first, second, third = chart.marks
    assert [m.day.dt.day for m in chart.marks] == [1, 2, 5]
    assert third.x - second.x == pytest.approx(3 * (second.x - first.x), abs=0.01)


def test_band_is_broken_where_a_limit_is_missing():
    days = [day(1, 1, 0, 2), day(2, 1, 0, 2), day(3, 1), day(4, 1, 0, None), day(5, 1, 0, 2)]
    assert len(revenue_chart(days).bands) == 2


def test_what_is_no_number_is_not_drawn():
    nan, inf = float("nan"), float("inf")
    chart = revenue_chart([day(1, nan, 0, 1), day(2, 5.0, nan, inf), day(3, 6.0, 1, 9)])
    assert [mark.day.dt.day for mark in chart.marks] == [2, 3]
    assert chart.marks[0].day.low is None
    assert len(chart.bands) == 1


amounts = st.floats(-1e12, 1e12, allow_nan=False)


@given(st.lists(amounts, min_size=1, max_size=31))
def test_every_value_lies_between_the_outer_ticks(values):
    chart = revenue_chart([day(i + 1, value) for i, value in enumerate(values)])
    tops = [tick.y for tick in chart.ticks]
    assert 2 <= len(tops) <= 7
    for mark in chart.marks:
        assert min(tops) - 0.02 <= mark.y <= max(tops) + 0.02
        assert 0 <= mark.x <= 100


def test_trends_leave_out_this_run_when_it_stands_in_the_history_too():
    record = published_run()
    doubled = record.history[-1].model_copy(update={"run_id": record.run_id})
    again = record.model_copy(update={"history": (*record.history, doubled)})
    assert trends(again) == trends(record)


def test_trend_of_a_failed_run_has_a_duration_but_no_rows():
    duration, bronze, _, rate = trends(failed_run())
    assert duration.current == "8.7 s"
    assert duration.points[-1].is_this_run
    assert bronze.current == rate.current == "not known"
    assert not any(point.is_this_run for point in bronze.points)


def test_trend_names_the_change():
    assert trends(published_run())[1].change == "up 4.14 % on the run before"  # 136,700 before
    assert trends(bare_run()) == ()


def test_bars_lie_within_the_run_and_skipped_stages_have_none():
    bars = stage_bars(failed_run())
    assert [bar.width > 0 for bar in bars] == [True, True, True, False, False, False]
    assert all(bar.left + bar.width <= 100.001 for bar in bars)


def test_a_run_without_time_has_no_bars():
    stage = StageRecord(stage="bronze", status="done", offset_seconds=0, seconds=0)
    still = bare_run().model_copy(update={"seconds": 0.0, "stages": (stage,)})
    assert stage_bars(still)[0].width == 0
