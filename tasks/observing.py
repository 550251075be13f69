"""Observers of a run: told of its stages and its end, and never able to fail it.

Belongs here: who is told, and what becomes of an observer that fails. Does not belong here: what
any of them makes of it (`lineage_observer.py`, `telemetry_observer.py`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from blocks.settings import Settings
    from tasks.contracts.run_record import RunRecord, StageRecord
    from tasks.run_state import RunState

log = logging.getLogger("medallion")


class RunObserver(Protocol):
    """Is told of a run by the thread that goes through its stages."""

    what: str  # what it sends, as a warning names it

    def stage_began(self, state: RunState, stage: str, offset_seconds: float) -> None: ...

    def stage_ended(self, state: RunState, stage: StageRecord, error: str | None) -> None: ...

    def run_ended(self, state: RunState, record: RunRecord) -> None: ...


class Observers:
    """The observers of one run. One that fails is told nothing more, and a warning says so once."""

    def __init__(self, *observers: RunObserver) -> None:
        self._observers = list(observers)

    def stage_began(self, state: RunState, stage: str, offset_seconds: float) -> None:
        """Tell of a stage that begins."""
        self._tell(state, lambda observer: observer.stage_began(state, stage, offset_seconds))

    def stage_ended(self, state: RunState, stage: StageRecord, error: str | None) -> None:
        """Tell of a stage that ended; `error` says of what, where it failed."""
        self._tell(state, lambda observer: observer.stage_ended(state, stage, error))

    def run_ended(self, state: RunState, record: RunRecord) -> None:
        """Tell of the run's end, whether it failed or not."""
        self._tell(state, lambda observer: observer.run_ended(state, record))

    def _tell(self, state: RunState, say: Callable[[RunObserver], None]) -> None:
        for observer in tuple(self._observers):
            try:
                say(observer)
            except Exception as error:  # whatever it is: nobody's run fails for being watched
                self._observers.remove(observer)
                first = str(error).partition("\n")[0][:300]
                log.warning(
                    f"{observer.what} cannot be sent, and the run goes on without: "
                    f"{type(error).__name__}: {first}",
                    extra={"run_id": state.run.run_id},
                )


def observers_of(settings: Settings) -> Observers:
    """Return the observers that an environment asks for; nothing is loaded for one that does not.

    Raises ConfigurationError where the packages of one are not installed.
    """
    observers: list[RunObserver] = []
    if settings.lineage.kind != "none":
        from tasks.lineage_observer import LineageObserver  # noqa: PLC0415 - only if wanted

        observers.append(LineageObserver(settings))
    if settings.telemetry.kind != "none":
        from tasks.telemetry_observer import TelemetryObserver  # noqa: PLC0415

        observers.append(TelemetryObserver(settings))
    return Observers(*observers)
