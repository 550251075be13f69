"""Observers are told in order, and one that fails is left alone from then on."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest

from blocks.settings import Settings
from tasks.contracts.run_record import StageRecord
from tasks.observing import Observers, observers_of

STATE: Any = SimpleNamespace(run=SimpleNamespace(run_id="r1"))
STAGE = StageRecord(stage="gold", status="done", offset_seconds=0, seconds=1)


class Listener:
    what = "letters"

    def __init__(self, fails_at: str = "") -> None:
        self.fails_at = fails_at
        self.heard: list[str] = []

    def _hear(self, told: str) -> None:
        self.heard.append(told)
        if told == self.fails_at:
            raise OSError("no post today\nsecret details")

    def stage_began(self, *told: Any) -> None:
        self._hear(f"{told[1]} began")

    def stage_ended(self, *told: Any) -> None:
        self._hear(f"{told[1].stage} ended")

    def run_ended(self, *_: Any) -> None:
        self._hear("run ended")


def test_a_failing_observer_is_told_of_once_and_the_others_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sound, failing = Listener(), Listener("gold began")
    observers = Observers(failing, sound)
    record: Any = None
    with caplog.at_level(logging.WARNING, logger="medallion"):
        observers.stage_began(STATE, "gold", 0.0)
        observers.stage_ended(STATE, STAGE, None)
        observers.run_ended(STATE, record)
    assert sound.heard == ["gold began", "gold ended", "run ended"]
    assert failing.heard == ["gold began"]
    (warning,) = (r.getMessage() for r in caplog.records)
    assert warning == (
        "letters cannot be sent, and the run goes on without: OSError: no post today"
    )


def test_nobody_watches_unless_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tasks.lineage_observer", None)
    monkeypatch.setitem(__import__("sys").modules, "tasks.telemetry_observer", None)
    assert observers_of(Settings())._observers == []
