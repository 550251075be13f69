"""The stages of a run on a common scale of time.

Belongs here: where each stage begins and how wide it is, in per cent of the run. Does not belong
here: markup.
"""

from __future__ import annotations

from dataclasses import dataclass

from tasks.contracts.run_record import RunRecord, StageRecord

_NARROWEST = 0.6  # per cent; a stage of a few milliseconds must still be seen


@dataclass(frozen=True)
class StageBar:
    """One stage; `left` and `width` in per cent, no width for a stage that did not run."""

    stage: StageRecord
    left: float
    width: float


def timeline_seconds(record: RunRecord) -> float:
    """The length of the scale: the run, or its last stage where that ends later."""
    ends = [stage.offset_seconds + stage.seconds for stage in record.stages]
    return max([record.seconds, *ends])


def stage_bars(record: RunRecord) -> tuple[StageBar, ...]:
    """The stages in the order of the record."""
    whole = timeline_seconds(record)
    bars = []
    for stage in record.stages:
        left = width = 0.0
        if stage.status != "skipped" and whole > 0:
            width = min(100.0, max(_NARROWEST, stage.seconds / whole * 100))
            left = max(0.0, min(stage.offset_seconds / whole * 100, 100 - width))
        bars.append(StageBar(stage, round(left, 3), round(width, 3)))
    return tuple(bars)
