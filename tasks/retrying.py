"""When a step is tried again: after a failure of storage, never after one of logic.

Belongs here: the one condition of all retries, and giving a task the environment's patience.
"""

from __future__ import annotations

from typing import Any, TypeVar, cast

from prefect import Task
from prefect.client.schemas.objects import State, TaskRun

from blocks.settings import Settings

AnyTask = TypeVar("AnyTask", bound=Task[Any, Any])


def is_transient(_task: Task[Any, Any], _run: TaskRun, state: State[Any]) -> bool:
    """Tell whether storage failed, and not what was read from it."""
    return isinstance(state.result(raise_on_failure=False), OSError)


def patient(task: AnyTask, settings: Settings) -> AnyTask:
    """Return `task` with the environment's retries."""
    return cast(
        "AnyTask",
        task.with_options(
            retries=settings.retries,
            retry_delay_seconds=settings.retry_delay_seconds,
            retry_condition_fn=is_transient,
        ),
    )
