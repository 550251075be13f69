"""The record of a run over events to report on: incremental, with a quality score.

Belongs here: that made-up record, the same on every call. Does not belong here: expectations, or
records of the shop (`sample_record.py`).
"""

from __future__ import annotations

from datetime import UTC, date, datetime

from tasks.contracts.run_record import (
    DayFigure,
    GateResult,
    Quality,
    RunRecord,
    StageRecord,
    TableRecord,
)


def events_run() -> RunRecord:
    """One day of events on top of a release; days have a mean, but no band, and one table a score.

    10,000 bronze rows, 500 of them new: 9,603 silver, 97 quarantined, 300 superseded.
    """
    silver = TableRecord(
        table="silver.events",
        layer="silver",
        rows_in=10_000,
        rows_out=9_603,
        quarantined=97,
        superseded=300,
        quarantine="silver.events_rejected",
        quality=Quality(
            score_pct=100 * 9_603 / 9_700,
            duplicate_pct=3.0,
            broken_rule_pct={"valid_price": 0.9, "malformed_line": 0.07},
        ),
        rows_new=500,
        rows_carried=9_100,
        files_carried=19,
        files=20,
        bytes=700_000,
        seconds=0.4,
        inputs=("bronze.events_raw",),
    )
    gold = TableRecord(
        table="gold.daily", layer="gold", rows_out=20, rows_carried=0, files_carried=0, files=1
    )
    score = GateResult(
        layer="silver",
        table="events",
        check="quality_score",
        status="pass",
        observed=9_603 / 9_700,
        threshold=0.99,
    )
    return RunRecord(
        pipeline="clicks",
        run_id="20240121T000000Z-aaaaaa",
        run_date=date(2024, 1, 20),
        environment="local",
        gate_mode="warn",
        status="published",
        release=5,
        started_at=datetime(2024, 1, 21, tzinfo=UTC),
        seconds=3.3,
        built_on=4,
        stages=(StageRecord(stage="silver", status="done", offset_seconds=0, seconds=3.1),),
        tables=(silver, gold),
        gates=(score,),
        quarantine_reasons={"events": {"valid_price": 90, "malformed_line": 7}},
        revenue_title="Revenue by day",
        revenue=tuple(
            DayFigure(
                dt=date(2024, 1, 1 + day),
                net_revenue=1_000.0 + 50 * (day % 5),
                mean=1_100.0 if day else None,
            )
            for day in range(20)
        ),
    )
