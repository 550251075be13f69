"""The command `plan`: what a run would do, and why.

Belongs here: its options, and how a plan is shown. Does not belong here: making the plan
(`tasks/run_planning.py`).
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from cli.flow_calls import absolute_text, check_call
from cli.options import (
    Bronze,
    Env,
    FullRefresh,
    Gates,
    Json,
    LakeRoot,
    MemoryLimit,
    Pipeline,
    RunDate,
)
from cli.output import console, note, plain_table, print_json
from tasks.contracts.errors import GateError

if TYPE_CHECKING:
    from tasks.run_planning import Foreseen
    from tasks.run_state import RunState


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(plan)


def plan(
    pipeline: Pipeline,
    run_date: RunDate = None,
    source: Annotated[Path | None, typer.Option(help="What the run would land first.")] = None,
    bronze: Bronze = None,
    lake: LakeRoot = None,
    gates: Gates = None,
    full_refresh: FullRefresh = False,
    memory_limit: MemoryLimit = None,
    env: Env = None,
    as_json: Json = False,
) -> None:
    """Show what a run would do, and why; nothing is computed or written.

    A run goes through this very list. What it says to be kept is carried over as it is, and what
    is reused has been computed by a run that did not publish it; a table that may differ can turn
    out to be the same. The exit status is 1 if bronze would stop the run.

    [dim]medallion plan ecommerce --run-date 2024-01-14[/dim]
    """
    check_call(pipeline, env, lake, gates, source, bronze, memory_limit)
    from tasks.run_opening import close_run, open_run  # noqa: PLC0415 - it loads the engines
    from tasks.run_planning import foresee  # noqa: PLC0415

    state = open_run(
        pipeline,
        now=datetime.now(UTC),
        token="plan",  # noqa: S106 - it names nothing that is kept
        run_date=run_date.date() if run_date else None,
        lake=absolute_text(lake),
        bronze=absolute_text(bronze),
        gates=gates,
        environment=env,
        full_refresh=full_refresh,
        memory_limit=memory_limit,
    )
    logging.getLogger("medallion").addHandler(logging.NullHandler())  # it is told below
    try:
        foreseen = foresee(state, absolute_text(source))
    finally:
        close_run(state)
    if as_json:
        print_json(_document(state, foreseen))
    else:
        _show(state, foreseen)
    if foreseen.problems:
        for problem in foreseen.problems[1:]:
            note(problem)
        raise GateError(f"the run would stop after bronze: {foreseen.problems[0]}")


def _document(state: RunState, foreseen: Foreseen) -> dict[str, Any]:
    run, base = state.run, foreseen.base
    return {
        "pipeline": run.pipeline,
        "run_date": run.run_date,
        "environment": run.settings.environment,
        "built_on": base.release.release if base.release else None,
        "full_because": base.reason or None,
        "stages": [
            {
                "stage": stage.stage,
                "reason": stage.reason,
                "tables": [
                    {"table": t.table, "action": t.action, "reason": t.reason} for t in stage.tables
                ],
            }
            for stage in foreseen.plan.stages
        ],
        "left_out": dict(foreseen.plan.left_out),
        "problems": foreseen.problems,
    }


def _show(state: RunState, foreseen: Foreseen) -> None:
    run, out = state.run, console()
    out.print(
        Text(f"{run.pipeline}, run date {run.run_date}, environment {run.settings.environment}")
    )
    out.print()
    table = plain_table("stage", "table", "action", "reason", wrapped=("reason",))
    for stage in foreseen.plan.stages:
        table.add_row(stage.stage, "", "", Text(stage.reason))
        for entry in stage.tables:
            table.add_row("", Text(entry.table), entry.action, Text(entry.reason))
    for name, reason in foreseen.plan.left_out.items():
        table.add_row(name, "", "left out", Text(reason))
    out.print(table)
