"""The commands that run flows in this process: run, ingest, dims and demo.

Belongs here: turning options into a flow's parameters, and a flow's outcome into text, JSON and
an exit status. Does not belong here: what a flow does.
"""

from __future__ import annotations

import shutil
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from cli.flow_calls import absolute_text, check_call, load_transforms, log_file, warm_dbt_up
from cli.options import Bronze, Env, Gates, Json, LakeRoot, Pipeline, RunDate
from cli.output import err_console, print_json
from cli.prefect_api import PrefectApi
from cli.progress import log_to
from tasks.contracts.errors import ConfigurationError, MedallionError
from tasks.quick_imports import no_garbage

if TYPE_CHECKING:
    from tasks.contracts.release import PublishedTable
    from tasks.contracts.run_record import RunRecord

DEMO_ORDERS, DEMO_DAYS, DEMO_SEED, DEMO_DIRT = 20_000, 30, 7, 0.02
DEMO_FIRST_DAY = date(2024, 1, 1)
NOTICEABLE_SECONDS = 0.5
DEMO_DELIVERIES = "demo_deliveries"


class RunBrokenError(MedallionError):
    """A run that failed: its text is what went wrong."""


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command()(run)
    app.command()(ingest)
    app.command()(dims)
    app.command()(demo)


def run(
    pipeline: Pipeline,
    run_date: RunDate = None,
    source: Annotated[
        Path | None, typer.Option(help="A file or folder to land in bronze first.")
    ] = None,
    bronze: Bronze = None,
    lake: LakeRoot = None,
    gates: Gates = None,
    env: Env = None,
    as_json: Json = False,
) -> None:
    """Run a pipeline from bronze to gold and publish all of it at once.

    [dim]medallion run ecommerce --source deliveries/ --run-date 2024-01-14[/dim]
    """
    check_call(pipeline, env, lake, gates, source, bronze)
    api = PrefectApi()
    api.start()
    warm_dbt_up(pipeline, env, lake)
    outcome = _run_flow(api, pipeline, run_date, source, bronze, lake, gates, env)
    _show(outcome, as_json)


def ingest(
    pipeline: Pipeline,
    source: Annotated[Path, typer.Option(help="A file or folder of CSV, JSON Lines or Parquet.")],
    landed_on: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The day of landing; today (UTC) by default."),
    ] = None,
    lake: LakeRoot = None,
    env: Env = None,
    as_json: Json = False,
) -> None:
    """Land files in bronze as they are; landing a file twice changes nothing."""
    check_call(pipeline, env, lake, None, source, None)
    api = PrefectApi()
    api.start()
    with no_garbage():
        from flows.ingest import ingest as flow  # noqa: PLC0415

    log_to(err_console(), log_file(env, lake, pipeline))
    with api.ready():
        report = flow(
            pipeline,
            str(source),
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
    outcome: dict[str, Any] = {}
    for source, day in ((first, last - 1), (second, last)):
        when = datetime.combine(date.fromordinal(day), datetime.min.time(), UTC)
        say(f"\nThe day of {when:%Y-%m-%d}", style="bold")
        outcome = _run_flow(
            api, "ecommerce", when, source, None, lake, None, "local", last=day == last
        )
        _show(outcome, as_json and day == last)
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
    last: bool = True,
) -> dict[str, Any]:
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
            )
        except RunFailedError as error:
            return {
                "record": error.record,
                "tables": {},
                "report": error.report,
                "cause": error.__cause__,
                "waited": api.waited_seconds,
            }
    return {
        "record": done.record,
        "tables": done.tables,
        "report": done.report,
        "cause": None,
        "waited": api.waited_seconds,
    }


def _show(outcome: dict[str, Any], as_json: bool) -> None:
    """Print a run's outcome; raise if it failed, with the exit status of its cause."""
    from tasks.reports.terminal_summary import summary_tables  # noqa: PLC0415

    record = cast("RunRecord", outcome["record"])
    err_console().print(summary_tables(record, outcome["report"]))
    if outcome["waited"] > NOTICEABLE_SECONDS:
        err_console().print(
            f"waited {outcome['waited']:.1f} s for the Prefect API", style="dim", highlight=False
        )
    if as_json:
        print_json(run_document(record, outcome["tables"], outcome["report"]))
    cause = outcome["cause"]
    if cause is not None:
        if isinstance(cause, MedallionError):
            raise cause
        raise RunBrokenError(f"{type(cause).__name__}: {cause}") from cause


def run_document(
    record: RunRecord, tables: dict[str, PublishedTable], report: str
) -> dict[str, Any]:
    """Return what `run --json` prints."""
    counts: dict[str, dict[str, int | None]] = {
        name: {"rows": table.rows} for name, table in sorted(tables.items()) if not table.internal
    }
    for entry in record.tables:
        if entry.layer == "silver":
            counts[entry.table] = {
                "bronze": entry.rows_in,
                "rows": entry.rows_out,
                "quarantined": entry.quarantined,
                "superseded": entry.superseded,
            }
    return {
        "pipeline": record.pipeline,
        "run_id": record.run_id,
        "run_date": record.run_date,
        "release": record.release,
        "status": record.status,
        "seconds": record.seconds,
        "stages": {stage.stage: stage.seconds for stage in record.stages},
        "tables": counts,
        "gates": [
            gate.model_dump(include={"layer", "table", "check", "status", "observed", "threshold"})
            for gate in record.gates
        ],
        "report": report,
        "error": record.error,
    }
