"""Runs that ended with their worker and could not say so: they are marked as crashed.

Belongs here: finding them by their process, which is gone, and telling the API. Does not belong
here: ending a worker (`local_ui.py`), or runs of other machines, which the automation for runs
without a heartbeat finds.
"""

from __future__ import annotations

import os
import socket
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterParentFlowRunId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.states import Crashed

_UNDER_WAY = FlowRunFilterState(
    type=FlowRunFilterStateType(any_=[StateType.RUNNING, StateType.PENDING, StateType.CANCELLING])
)


def crash_ended_runs(pool: str) -> list[str]:
    """Mark the runs of `pool` whose process on this machine is gone, with their subflows.

    Return their names. The slots that they hold are free then.
    """
    of_pool = WorkPoolFilter(name=WorkPoolFilterName(any_=[pool]))
    with get_client(sync_client=True) as client:
        found = client.read_flow_runs(
            flow_run_filter=FlowRunFilter(state=_UNDER_WAY), work_pool_filter=of_pool
        )
        ended = [run for run in found if is_gone(run.infrastructure_pid)]
        for run in ended:
            _crash(client, run)
    return [run.name for run in ended]


def is_gone(identifier: str | None) -> bool:
    """Tell whether `process` or `host:process` is one of this machine that there is no more."""
    host, _, number = (identifier or "").rpartition(":")
    if host not in ("", socket.gethostname()) or not number.isdigit():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _crash(client: SyncPrefectClient, run: FlowRun) -> None:
    for part in _subflows(client, run.id):
        _crash(client, part)
    state: State[Any] = Crashed(message="Its worker was stopped.")
    client.set_flow_run_state(run.id, state, force=True)


def _subflows(client: SyncPrefectClient, parent: UUID) -> list[FlowRun]:
    of_parent = FlowRunFilterParentFlowRunId(any_=[parent])
    return client.read_flow_runs(
        flow_run_filter=FlowRunFilter(state=_UNDER_WAY, parent_flow_run_id=of_parent)
    )
