"""Opening a run: specification, settings and lake become one `RunState`.

Belongs here: resolving a call's parameters, and the runs and backfills that are open in this
process (so that a subflow finds the one it belongs to). Does not belong here: the clock; the moment
is a parameter.
"""

from __future__ import annotations

import logging
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
_OPEN: dict[str, RunState] = {}
_TURNS: dict[str, Turns] = {}


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
    backfill: str | None = None,
) -> RunState:
    """Open a run of `pipeline`, of `run_date`, else of the day when it was `due`, else of `now`.

    The run id begins with the start, so that ids sort by time; `token` keeps them apart. Where the
    day is one of a `backfill` that is open in this process, the run proceeds in its turn.
    Raises ConfigurationError when a parameter, the specification or the environment is wrong.
    """
    spec = load_spec(pipeline)
    settings = flow_settings(environment, lake_root=lake, gates=gates, memory_limit=memory_limit)
    for transform in spec.transforms:
        check_transform(transform)
    check_warehouse(settings, spec)
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
    state.turns = _TURNS.get(backfill) if backfill is not None else None
    _OPEN[context.run_id] = state
    return state


def find_run(run_id: str | None) -> RunState | None:
    """Return the run of this id that is open in this process, if there is one."""
    return _OPEN.get(run_id) if run_id is not None else None


def close_run(state: RunState) -> None:
    """Forget an open run, and remove its copies of what lies in object stores."""
    _OPEN.pop(state.run.run_id, None)
    state.run.mirror.close()


def open_turns(name: str, turns: Turns) -> str:
    """Let runs that are opened with `backfill=name` in this process take their turns."""
    _TURNS[name] = turns
    return name


def close_turns(name: str) -> None:
    """Forget the turns of a backfill that has ended."""
    _TURNS.pop(name, None)
