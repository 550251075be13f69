"""When a step is tried again: after a failure of storage, never after one of logic.

Belongs here: the one condition of all retries, and giving a task the environment's patience.
"""

from __future__ import annotations

from typing import Any, TypeVar, cast

from prefect import Task
from prefect.client.schemas.objects import State, TaskRun

from blocks.settings import Settings

AnyTask = TypeVar("AnyTask", bound=Task[Any, Any])


# What storage says of a name or a right: it says the same the next time.
LASTING = (
    FileExistsError,
    FileNotFoundError,
    IsADirectoryError,
    NotADirectoryError,
    PermissionError,
)


def is_transient(_task: Task[Any, Any], _run: TaskRun, state: State[Any]) -> bool:
    """Tell whether storage failed for the time being, and not what was asked of it or read."""
    failure = state.result(raise_on_failure=False)
    return isinstance(failure, OSError) and not isinstance(failure, LASTING)


def patient(task: AnyTask, settings: Settings) -> AnyTask:
    """Return `task` with the environment's retries and the delays before them."""
    return cast(
        "AnyTask",
        task.with_options(
            retries=settings.retries,
            retry_delay_seconds=settings.retry_delays,
            retry_condition_fn=is_transient,
        ),
    )
