"""A step is tried again after a failure of storage, never after one of logic."""

from __future__ import annotations

import pytest
from prefect import flow, task

from blocks.settings import Settings
from tasks.contracts.errors import BronzeError, GateError
from tasks.retrying import patient

PATIENCE = Settings(retries=3, retry_delay_seconds=0, retry_backoff=True)
TRANSIENT = (OSError("disk"), ConnectionResetError(), TimeoutError(), BlockingIOError())
LASTING = (
    ValueError("logic"),
    GateError("a gate"),
    BronzeError("bronze"),
    FileNotFoundError("gone"),
    PermissionError("not yours"),
)


@pytest.fixture(scope="module")
def attempts(prefect_api: None) -> dict[str, tuple[int, bool]]:
    """{case: how often a step was tried, and whether it succeeded at last}."""
    cases: dict[str, tuple[list[Exception], Settings]] = {
        **{f"twice {error!r}": ([error, error], PATIENCE) for error in TRANSIENT},
        **{f"once {error!r}": ([error], PATIENCE) for error in LASTING},
        "four times": ([OSError()] * 4, PATIENCE),
        "no retries": ([OSError()], Settings(retries=0)),
        "then logic": ([OSError(), ValueError(), OSError()], PATIENCE),
    }
    seen = dict.fromkeys(cases, 0)

    @task
    def step(case: str) -> None:
        seen[case] += 1
        failures, _ = cases[case]
        if seen[case] <= len(failures):
            raise failures[seen[case] - 1]

    @flow
    def steps() -> dict[str, bool]:
        futures = {c: patient(step, settings).submit(c) for c, (_, settings) in cases.items()}
        for future in futures.values():
            future.wait()
        return {case: future.state.is_completed() for case, future in futures.items()}

    ended = steps()
    return {case: (seen[case], ended[case]) for case in cases}


@pytest.mark.parametrize("error", TRANSIENT, ids=repr)
def test_a_failure_of_storage_is_tried_again(
    attempts: dict[str, tuple[int, bool]], error: Exception
) -> None:
    assert attempts[f"twice {error!r}"] == (3, True)


def test_there_is_an_end_to_patience(attempts: dict[str, tuple[int, bool]]) -> None:
    assert attempts["four times"] == (4, False)
    assert attempts["no retries"] == (1, False)


@pytest.mark.parametrize("error", LASTING, ids=repr)
def test_a_failure_of_logic_halts_at_once(
    attempts: dict[str, tuple[int, bool]], error: Exception
) -> None:
    assert attempts[f"once {error!r}"] == (1, False)
    assert attempts["then logic"] == (2, False)


@pytest.mark.parametrize(
    ("settings", "delays"),
    [
        (Settings(retries=1, retry_delay_seconds=60), [60]),
        (Settings(retries=4, retry_delay_seconds=300, retry_backoff=True), [300, 600, 1200, 2400]),
        (
            Settings(
                retries=4, retry_delay_seconds=300, retry_backoff=True, retry_cap_seconds=1000
            ),
            [300, 600, 1000, 1000],
        ),
    ],
)
def test_a_task_waits_as_the_environment_says(settings: Settings, delays: list[float]) -> None:
    @task
    def step() -> None: ...

    made = patient(step, settings)
    assert (made.retries, made.retry_delay_seconds) == (settings.retries, delays)
