"""Opening a run: specification, settings and lake become one `RunState`.

Belongs here: resolving a call's parameters, and the run or backfill that a subflow is part of. Does
not belong here: the clock; the moment is a parameter.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import date, datetime
from pathlib import Path

from blocks.artifacts_in_force import artifact_in_force
from blocks.flow_settings import flow_settings
from blocks.lake_places import check_url, is_url
from blocks.masking import mask_key
from tasks.backfill import Turns
from tasks.contracts.errors import ConfigurationError
from tasks.contracts.run_record import GateMode
from tasks.enrichment import check_transform
from tasks.masking import needs_key
from tasks.observing import observers_of
from tasks.run_context import RunContext
from tasks.run_state import RunState
from tasks.specs import load_spec
from tasks.warehouse_gold import check_warehouse

log = logging.getLogger("medallion")
# Not parameters of flows: people would be asked for them.
_RUN: ContextVar[RunState | None] = ContextVar("run", default=None)
_TURNS: ContextVar[Turns | None] = ContextVar("turns", default=None)


def open_run(
    pipeline: str,
    *,
    now: datetime,
    token: str,
    run_date: date | None = None,
    due: date | None = None,
    lake: str | None = None,
    bronze: str | None = None,
    gates: GateMode | None = None,
    environment: str | None = None,
    full_refresh: bool = False,
    memory_limit: str | None = None,
) -> RunState:
    """Open a run of `pipeline`, of `run_date`, else of the day when it was `due`, else of `now`.

    The run id begins with the start, so that ids sort by time; `token` keeps them apart. Within
    `in_turn` the run takes turns with others.
    Raises ConfigurationError when a parameter, the specification or the environment is wrong.
    """
    spec = load_spec(pipeline)
    settings = flow_settings(environment, lake_root=lake, gates=gates, memory_limit=memory_limit)
    for transform in spec.transforms:
        check_transform(transform)
    check_warehouse(settings)
    if bronze is not None and is_url(bronze):
        check_url("--bronze", bronze)
    elif bronze is not None and not Path(bronze).is_dir():
        raise ConfigurationError(f"--bronze {bronze}: no such folder")
    artifact = artifact_in_force(pipeline, settings.environment)
    if bronze is not None and any(table.silver_as == "view" for table in spec.tables):
        raise ConfigurationError(
            f"--bronze {bronze}: silver of {pipeline} is views over bronze, which must lie in the "
            "lake; land the files with --source"
        )
    mask = mask_key(settings) if needs_key(spec) else None
    if mask is not None and mask.warning is not None:
        log.warning(f"{pipeline}: {mask.warning}")
    context = RunContext(
        spec=spec,
        run_id=f"{now:%Y%m%dT%H%M%SZ}-{token}",
        run_date=run_date or due or now.date(),
        started_at=now,
        settings=settings,
        lake=settings.lake(bronze),
        as_of=run_date,
        full_refresh=full_refresh,
        mask_key=mask.key if mask is not None else None,
        artifact=artifact.sha256 if artifact is not None else None,
    )
    state = RunState(context)
    state.observers = observers_of(settings)
    state.turns = _TURNS.get()
    return state


@contextlib.contextmanager
def part_of(state: RunState) -> Iterator[None]:
    """Let a flow that is called in here take part in the run instead of opening its own."""
    before = _RUN.set(state)
    try:
        yield
    finally:
        _RUN.reset(before)


def run_around() -> RunState | None:
    """Return the run that the flow which asks is part of, if it is."""
    return _RUN.get()


@contextlib.contextmanager
def in_turn(turns: Turns) -> Iterator[None]:
    """Let runs that are opened in here take turns with others."""
    before = _TURNS.set(turns)
    try:
        yield
    finally:
        _TURNS.reset(before)


def close_run(state: RunState) -> None:
    """Remove a run's copies of what lies in object stores."""
    state.run.mirror.close()
