"""The flow that runs a pipeline for every day of a range.

Belongs here: which days run when, and side by side. Does not belong here: a day's run (`run.py`),
or which days are published already (`tasks/backfill.py`).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.futures import PrefectFuture
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.utilities.annotations import quote
from pydantic import Field

from flows.run import RunFailedError, run_pipeline
from tasks.backfill import BackfillError, Turns, days_of
from tasks.contracts.errors import MedallionError
from tasks.contracts.run_record import GateMode
from tasks.run_artifacts import Progress
from tasks.run_names import run_name
from tasks.run_opening import close_run, in_turn, open_run
from tasks.run_planning import days_published

MOST_PARALLEL = 8


@dataclass(frozen=True)
class BackfilledDay:
    """A day of the range: published by this backfill, by an earlier run, or only computed."""

    run_date: date
    status: Literal["published", "published before", "computed"]
    release: int | None
    run_id: str | None = None
    seconds: float = 0.0


@task(task_run_name="run of {day}", cache_policy=NO_CACHE, persist_result=False)
def run_day(day: date, turns: Turns, options: dict[str, Any]) -> BackfilledDay:
    """Run one day in its turn."""
    try:
        with in_turn(turns):
            done = run_pipeline(run_date=day, **options)
    except BaseException:
        turns.failed(day)
        raise
    turns.done(day)
    record = done.record
    status: Literal["published", "computed"] = (
        "published" if record.release is not None else "computed"
    )
    return BackfilledDay(day, status, record.release, record.run_id, record.seconds)


@flow(
    name="backfill",
    flow_run_name=run_name("{pipeline} backfill {start} to {end}"),
    task_runner=ThreadPoolTaskRunner(max_workers=MOST_PARALLEL),  # type: ignore[arg-type]
    persist_result=False,
)
def backfill(
    pipeline: str,
    start: date,
    end: date,
    once: bool = False,
    parallel: Annotated[int, Field(ge=1, le=MOST_PARALLEL)] = 1,
    lake: str | None = None,
    bronze: str | None = None,
    gates: GateMode | None = None,
    environment: str | None = None,
    memory_limit: str | None = None,
) -> list[BackfilledDay]:
    """Run a pipeline for each day of a range, and publish each day in its order.

    Days that releases show to be published are left out, so that a backfill that was killed goes
    on where it ended. The content is that of runs one day after the other.

    Args:
        pipeline: Name of the pipeline (`ecommerce`).
        start: The first day.
        end: The last day, inclusive.
        once: Publish once in all: one run of the last day, which holds those before it.
        parallel: So many days are computed side by side, each with the memory of a run. One alone
            builds on the day before it, which is the least work.
        lake: Root folder of the lake; the environment's by default.
        bronze: Folder or bucket URL of bronze that another team wrote, read in place.
        gates: `warn` or `strict`; the environment's by default.
        environment: Name of the environment; MEDALLION_ENV, else `local`.
        memory_limit: Memory that DuckDB may use before it spills (`2GB`); the environment's by
            default.

    Raises:
        ConfigurationError: the call, specification or environment is wrong; nothing was begun.
        BackfillError: a day failed; the days before it are published.
    """
    days = days_of(start, end)[-1:] if once else days_of(start, end)
    call: dict[str, Any] = {
        "pipeline": pipeline,
        "lake": lake,
        "bronze": bronze,
        "gates": gates,
        "environment": environment,
        "memory_limit": memory_limit,
    }
    state = open_run(now=datetime.now(UTC), token="backfill", run_date=end, **call)  # noqa: S106
    try:
        seen, before = days_published(state, days)
    finally:
        close_run(state)
    due = [day for day in days if day not in before]
    progress = Progress(pipeline, f"{pipeline} {start} to {end}", len(due), "day")
    turns = Turns(due, seen)
    done = _in_turn(due, parallel, turns, call, progress)
    earlier = [BackfilledDay(d, "published before", number) for d, number in before.items()]
    return sorted([*earlier, *done], key=lambda each: each.run_date)


def _in_turn(
    due: list[date], parallel: int, turns: Turns, options: dict[str, Any], progress: Progress
) -> list[BackfilledDay]:
    """Run the days, so many at once: the oldest of them never waits for one that has not begun."""
    under_way: deque[tuple[date, PrefectFuture[BackfilledDay]]] = deque()
    done: list[BackfilledDay] = []

    def wait_for_the_oldest() -> None:
        done.append(_ended(*under_way.popleft()))
        progress.step(f"{done[-1].run_date} {done[-1].status}")

    try:
        for day in due:
            if len(under_way) == parallel:
                wait_for_the_oldest()
            if turns.is_over:
                break
            future = run_day.submit(day, quote(turns), quote(options), return_state=False)
            under_way.append((day, future))
        while under_way:
            wait_for_the_oldest()
    finally:
        for _, future in under_way:
            future.wait()
    return done


def _ended(day: date, future: PrefectFuture[BackfilledDay]) -> BackfilledDay:
    try:
        return future.result()
    except RunFailedError as error:
        raise BackfillError(
            f"{day} failed, and no later day is published; run the same backfill again when it is "
            f"put right: {error}"
        ) from error.__cause__
    except MedallionError as error:
        raise BackfillError(f"{day} failed: {error}") from error
