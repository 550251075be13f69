"""The commands that run flows in this process: run, ingest, dims and demo.

Belongs here: turning options into a flow's parameters. Does not belong here: what a flow does, or
how the outcome of a run is told (`run_outcome.py`).
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from cli.flow_calls import (
    absolute_text,
    check_call,
    load_transforms,
    log_file,
    pipeline_to_run,
    warm_dbt_up,
)
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
from cli.output import err_console, print_json
from cli.prefect_api import PrefectApi
from cli.progress import log_to
from cli.run_outcome import Outcome, show
from tasks.contracts.errors import ConfigurationError
from tasks.quick_imports import no_garbage

DEMO_ORDERS, DEMO_DAYS, DEMO_SEED, DEMO_DIRT = 20_000, 30, 7, 0.02
DEMO_FIRST_DAY = date(2024, 1, 1)
DEMO_DELIVERIES = "demo_deliveries"


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command()(run)
    app.command()(ingest)
    app.command()(dims)
    app.command()(demo)


def run(
    pipeline: Annotated[
        str | None,
        typer.Argument(
            metavar="PIPELINE",
            help="Name of a pipeline; an artifact names its own.",
            show_default="",
        ),
    ] = None,
    run_date: RunDate = None,
    source: Annotated[
        Path | None, typer.Option(help="A file, folder or bucket URL to land first.")
    ] = None,
    bronze: Bronze = None,
    lake: LakeRoot = None,
    gates: Gates = None,
    full_refresh: FullRefresh = False,
    memory_limit: MemoryLimit = None,
    env: Env = None,
    artifact: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="What `compile` made: specification and environment come from it."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Run a pipeline from bronze to gold and publish all of it at once.

    Only what new bronze can have changed is computed; the rest is carried over from the release
    before.

    [dim]medallion run ecommerce --source deliveries/ --run-date 2024-01-14[/dim]
    """
    pipeline = pipeline_to_run(pipeline, artifact)
    check_call(pipeline, env, lake, gates, source, bronze, memory_limit)
    api = PrefectApi()
    api.start()
    warm_dbt_up(pipeline, env, lake)
    outcome = _run_flow(
        api,
        pipeline,
        run_date,
        source,
        bronze,
        lake,
        gates,
        env,
        full_refresh=full_refresh,
        memory_limit=memory_limit,
    )
    show(outcome, as_json)


def ingest(
    pipeline: Pipeline,
    source: Annotated[
        Path | None, typer.Option(help="A file or folder of CSV, JSON Lines, JSON or Parquet.")
    ] = None,
    event: Annotated[
        str | None,
        typer.Option(
            metavar="JSON", help="A record to add at once, in place of files; - reads them all."
        ),
    ] = None,
    feed: Annotated[
        str | None, typer.Option(help="What --event holds: events (else), tasks or metrics.")
    ] = None,
    landed_on: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The day of landing; today (UTC) by default."),
    ] = None,
    lake: LakeRoot = None,
    env: Env = None,
    as_json: Json = False,
) -> None:
    """Land files in bronze as they are; landing a file twice changes nothing.

    Records of coordination may also be added one by one, by any number of scripts at once.

    [dim]medallion ingest coordination --event '{"event_type": "started", "task_id": "7"}'[/dim]
    """
    if (source is None) == (event is None):
        raise ConfigurationError("say --source or --event, one of them")
    check_call(pipeline, env, lake, None, source, None)
    if event is not None:
        _append(pipeline, event, feed or "events", landed_on, lake, env, as_json)
        return
    if feed is not None:
        raise ConfigurationError("--feed belongs to --event; of files the specification tells it")
    api = PrefectApi()
    api.start()
    with no_garbage():
        from flows.ingest import ingest as flow  # noqa: PLC0415

    log_to(err_console(), log_file(env, lake, pipeline))
    with api.ready():
        report = flow(
            pipeline,
            absolute_text(source) or "",
            landed_on=landed_on.date() if landed_on else None,
            lake=absolute_text(lake),
            environment=env,
        )
    if as_json:
        print_json({"pipeline": pipeline, "batches": [asdict(batch) for batch in report.batches]})
        return
    for batch in report.batches:
        verb = "was landed before" if batch.already_landed else f"{batch.rows:,} rows landed"
        err_console().print(f"{batch.table}: {batch.source_file}: {verb}")
        for line in batch.drift:
            err_console().print(f"  {line}", style="yellow")


def _append(
    pipeline: str,
    text: str,
    feed: str,
    landed_on: datetime | None,
    lake: Path | None,
    env: str | None,
    as_json: bool,
) -> None:
    from flows.append import append  # noqa: PLC0415

    added = append(
        pipeline,
        sys.stdin.read() if text == "-" else text,
        feed=feed,
        landed_on=landed_on.date() if landed_on else None,
        lake=absolute_text(lake),
        environment=env,
    )
    if as_json:
        print_json({"pipeline": pipeline, "feed": feed, "added": added})
    else:
        err_console().print(f"{added:,} added to {feed}")


def dims(
    pipeline: Pipeline,
    run_date: RunDate = None,
    bronze: Bronze = None,
    lake: LakeRoot = None,
    gates: Gates = None,
    env: Env = None,
    as_json: Json = False,
) -> None:
    """Refresh the dimension snapshots that are due."""
    check_call(pipeline, env, lake, gates, None, bronze)
    api = PrefectApi()
    api.start()
    warm_dbt_up(pipeline, env, lake)
    with no_garbage():
        from flows.dimensions import refresh_dimensions  # noqa: PLC0415

    log_to(err_console(), log_file(env, lake, pipeline))
    with api.ready():
        days = refresh_dimensions(
            pipeline,
            run_date=run_date.date() if run_date else None,
            lake=absolute_text(lake),
            bronze=absolute_text(bronze),
            gates=gates,
            environment=env,
        )
    if as_json:
        print_json({"pipeline": pipeline, "snapshots": days})
        return
    for name, day in days.items():
        err_console().print(f"dims.{name}: snapshot of {day}")


def demo(
    lake: Annotated[Path, typer.Option(help="Folder for the demo's lake.")] = Path("demo/lake"),
    orders: Annotated[int, typer.Option(min=200, help="Orders to make up.")] = DEMO_ORDERS,
    days: Annotated[int, typer.Option(min=2, help="Days to spread them over.")] = DEMO_DAYS,
    as_json: Json = False,
) -> None:
    """Make up a shop's data, land it, run every stage, and run the next day on top.

    The demo's lake is made anew each time; a folder that is no demo's is left alone.
    """
    deliveries = lake / DEMO_DELIVERIES
    if lake.exists() and any(lake.iterdir()) and not deliveries.is_dir():
        raise ConfigurationError(
            f"--lake {lake}: holds something else than a demo; name a new folder"
        )
    api = PrefectApi()
    api.start()
    shutil.rmtree(lake, ignore_errors=True)
    warm_dbt_up("ecommerce", "local", lake)
    from tasks.sample_data.write import write_sample  # noqa: PLC0415

    last = DEMO_FIRST_DAY.toordinal() + days - 1
    say = err_console().print
    say(f"Making up {orders:,} orders over {days} days in {deliveries} ...")
    first, second = deliveries / "first", deliveries / "second"
    for folder, covered in ((first, range(days - 1)), (second, range(days - 1, days))):
        write_sample(
            folder,
            orders=orders,
            days=days,
            seed=DEMO_SEED,
            dirt=DEMO_DIRT,
            first_day=DEMO_FIRST_DAY,
            only_days=covered,
        )
    for source, day in ((first, last - 1), (second, last)):
        when = datetime.combine(date.fromordinal(day), datetime.min.time(), UTC)
        say(f"\nThe day of {when:%Y-%m-%d}", style="bold")
        outcome = _run_flow(
            api, "ecommerce", when, source, None, lake, None, "local", last=day == last
        )
        show(outcome, as_json and day == last)
    query = f'medallion query ecommerce --lake {lake} "from gold.fct_daily_dashboard"'
    say(f"\nAsk it something:  {query}")


def _run_flow(
    api: PrefectApi,
    pipeline: str,
    run_date: datetime | None,
    source: Path | None,
    bronze: Path | None,
    lake: Path | None,
    gates: Literal["warn", "strict"] | None,
    env: str | None,
    *,
    full_refresh: bool = False,
    memory_limit: str | None = None,
    last: bool = True,
) -> Outcome:
    """Run the main flow; return what it recorded, whether it published or failed."""
    with no_garbage():
        from flows.run import RunFailedError, run_pipeline  # noqa: PLC0415 - while the API starts

        load_transforms(pipeline)
    log_to(err_console(), log_file(env, lake, pipeline))
    with api.ready(stop=last):
        try:
            done = run_pipeline(
                pipeline,
                run_date=run_date.date() if run_date else None,
                lake=absolute_text(lake),
                bronze=absolute_text(bronze),
                source=absolute_text(source),
                gates=gates,
                environment=env,
                full_refresh=full_refresh,
                memory_limit=memory_limit,
            )
        except RunFailedError as error:
            return Outcome(error.record, {}, error.report, error.__cause__, api.waited_seconds)
    return Outcome(done.record, done.tables, done.report, None, api.waited_seconds)
