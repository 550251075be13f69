"""The command `backfill`: every day of a range, published in order.

Belongs here: its options and what it prints. Does not belong here: running days
(`flows/backfill.py`).
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from cli.flow_calls import absolute_text, check_call, load_transforms, log_file, warm_dbt_up
from cli.options import Bronze, Env, Gates, Json, LakeRoot, MemoryLimit, Pipeline
from cli.output import console, err_console, plain_table, print_json
from cli.prefect_api import PrefectApi
from cli.progress import log_to
from tasks.quick_imports import no_garbage
from tasks.reports.human_figures import NOTHING, duration

if TYPE_CHECKING:
    from flows.backfill import BackfilledDay

MOST_PARALLEL = 8
_DAY = ["%Y-%m-%d"]


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(backfill)


def backfill(
    pipeline: Pipeline,
    start: Annotated[
        datetime, typer.Option(metavar="DATE", formats=_DAY, help="The first day of the range.")
    ],
    end: Annotated[
        datetime, typer.Option(metavar="DATE", formats=_DAY, help="The last day, inclusive.")
    ],
    once: Annotated[
        bool, typer.Option("--once", help="Publish once in all instead of once a day.")
    ] = False,
    parallel: Annotated[
        int,
        typer.Option(
            min=1,
            max=MOST_PARALLEL,
            help="Compute so many days side by side, each with the memory of a run.",
        ),
    ] = 1,
    bronze: Bronze = None,
    lake: LakeRoot = None,
    gates: Gates = None,
    memory_limit: MemoryLimit = None,
    env: Env = None,
    as_json: Json = False,
) -> None:
    """Run each day of a range, and publish the days in their order.

    Days that are published already are left out: after a crash the same call goes on where it
    ended. The content is that of runs one day after the other.

    [dim]medallion backfill ecommerce --start 2024-01-01 --end 2024-01-14[/dim]
    """
    check_call(pipeline, env, lake, gates, None, bronze, memory_limit)
    first, last = start.date(), end.date()
    from tasks.backfill import days_of  # noqa: PLC0415 - it loads the engines

    days_of(first, last)
    api = PrefectApi()
    api.start()
    warm_dbt_up(pipeline, env, lake)
    with no_garbage():
        from flows.backfill import backfill as flow  # noqa: PLC0415 - while the API starts

        load_transforms(pipeline)
    log_to(err_console(), log_file(env, lake, pipeline))
    with api.ready():
        days = flow(
            pipeline,
            first,
            last,
            once=once,
            parallel=parallel,
            lake=absolute_text(lake),
            bronze=absolute_text(bronze),
            gates=gates,
            environment=env,
            memory_limit=memory_limit,
        )
    if as_json:
        print_json(
            {
                "pipeline": pipeline,
                "start": first,
                "end": last,
                "once": once,
                "days": [
                    {
                        "run_date": day.run_date,
                        "status": day.status,
                        "release": day.release,
                        "run_id": day.run_id,
                        "seconds": day.seconds,
                    }
                    for day in days
                ],
            }
        )
        return
    _show(days)


def _show(days: list[BackfilledDay]) -> None:
    table = plain_table(
        "run date", "is", "release", "seconds", "run id", figures=("release", "seconds")
    )
    for day in days:
        table.add_row(
            day.run_date.isoformat(),
            day.status,
            NOTHING if day.release is None else str(day.release),
            duration(day.seconds) if day.run_id else NOTHING,
            day.run_id or NOTHING,
        )
    console().print(table)
