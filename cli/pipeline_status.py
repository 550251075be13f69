"""The command `status`: where each pipeline stands, in lake and catalog, and how fresh it is.

Belongs here: what of a pipeline is shown. Does not belong here: tables and reports (`overview.py`),
or what counts as fresh (`tasks/freshness.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import typer
from rich.text import Text

from blocks.lake import Lake
from cli.options import Env, Json, LakeRoot, environment_lake
from cli.output import console, plain_table, print_json
from tasks.contracts.errors import MedallionError, ReleaseError
from tasks.releases import read_current, read_release
from tasks.reports.human_figures import NOTHING, duration, quantity
from tasks.specs import known_pipelines

if TYPE_CHECKING:
    from blocks.settings import Settings
    from tasks.catalog_standing import CatalogStanding


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("status")(status)


def status(env: Env = None, lake: LakeRoot = None, as_json: Json = False) -> None:
    """Show each pipeline: its current release, the catalog's, its last run, how fresh it is.

    The exit status is 1 when something in the lake cannot be read. A catalog that lags behind, or
    does not answer, is told of and changes nothing.
    """
    settings, opened = environment_lake(env, lake)
    now = datetime.now(UTC)
    states = [_state(opened, pipeline, now) for pipeline in known_pipelines()]
    standings = _add_catalog(states, opened, settings)
    where = opened.control.url("").rstrip("/")
    if as_json:
        print_json(
            {
                "environment": settings.environment,
                "lake": where,
                "gates": settings.gates,
                "pipelines": states,
            }
        )
    else:
        out = console()
        out.print(
            f"environment {settings.environment}, gates {settings.gates}, lake {where}",
            soft_wrap=True,
        )
        out.print()
        table = plain_table(
            "pipeline",
            "release",
            *(("catalog",) if standings else ()),
            "run date",
            "last run",
            "dimensions",
            figures=("release",),
            wrapped=("run date", "last run", "dimensions"),
        )
        for state in states:
            table.add_row(*_cells(state, has_catalog=bool(standings)))
        out.print(table)
        for problem in {standing.problem for standing in standings if standing.problem}:
            out.print(Text(f"catalog: {problem}", style="yellow"), soft_wrap=True)
        for state in states:
            if state["freshness"] is not None:
                style = "yellow" if state["freshness"]["missed"] else ""
                out.print(Text(_freshness_told(state, now), style=style), soft_wrap=True)
            if state["problem"]:
                out.print(f"{state['pipeline']}: {state['problem']}", style="red")
    if any(state["problem"] for state in states):
        raise typer.Exit(ReleaseError.exit_status)


def _state(lake: Lake, pipeline: str, now: datetime) -> dict[str, Any]:
    """What is known of a pipeline; what cannot be read is told in `problem`, and hides no other."""
    state: dict[str, Any] = {
        "pipeline": pipeline,
        "release": None,
        "catalog": None,
        "run_id": None,
        "run_date": None,
        "age_days": None,
        "published_at": None,
        "last_run": None,
        "dimensions": {},
        "freshness": None,
        "problem": None,
    }
    problems = []
    for part in (_published, _last_run, _dimensions):
        try:
            state |= part(lake, pipeline, now.date())
        except MedallionError as error:
            problems.append(str(error))
    try:
        state["freshness"] = _freshness(lake, pipeline, state["published_at"], now)
    except MedallionError as error:
        problems.append(str(error))
    return state | {"problem": "; ".join(problems) or None}


def _add_catalog(
    states: Sequence[dict[str, Any]], lake: Lake, settings: Settings
) -> list[CatalogStanding]:
    """Add to each state where the catalog stands, if there is one and anything to be shown."""
    from tasks.catalog_standing import catalog_standings  # noqa: PLC0415

    published = {s["pipeline"]: s["release"] for s in states if s["release"] is not None}
    found = catalog_standings(lake, settings, published)
    for state in states:
        if state["pipeline"] in found:
            state["catalog"] = asdict(found[state["pipeline"]])
    return list(found.values())


def _freshness(
    lake: Lake, pipeline: str, published_at: datetime | None, now: datetime
) -> dict[str, Any] | None:
    from tasks.freshness import judge_freshness, newest_batch  # noqa: PLC0415
    from tasks.specs import load_spec  # noqa: PLC0415

    spec = load_spec(pipeline)
    landed_at = newest_batch(lake, spec)
    if landed_at is None and published_at is None:
        return None
    found = judge_freshness(spec.freshness, landed_at=landed_at, published_at=published_at, now=now)
    return {
        "landed_at": found.landed_at,
        "landed_age_hours": _hours(now, found.landed_at),
        "landed_hours": found.limits.landed_hours,
        "published_age_hours": _hours(now, found.published_at),
        "published_hours": found.limits.published_hours,
        "fresh": found.fresh,
        "missed": found.missed,
    }


def _hours(now: datetime, moment: datetime | None) -> float | None:
    return None if moment is None else round((now - moment).total_seconds() / 3600, 2)


def _freshness_told(state: dict[str, Any], now: datetime) -> str:
    found = state["freshness"]
    if found["missed"]:
        return f"{state['pipeline']}: stale: {'; '.join(found['missed'])}"
    ages = [
        f"{what} {duration((now - moment).total_seconds())} ago"
        for what, moment in (
            ("newest batch", found["landed_at"]),
            ("release", state["published_at"]),
        )
        if moment is not None
    ]
    return f"{state['pipeline']}: {'fresh: ' if found['fresh'] else ''}{', '.join(ages)}"


def _published(lake: Lake, pipeline: str, today: date) -> dict[str, Any]:
    if read_current(lake, pipeline).release is None:
        return {}
    release = read_release(lake, pipeline)
    return {
        "release": release.release,
        "run_id": release.run_id,
        "run_date": release.run_date,
        "age_days": (today - release.run_date).days,
        "published_at": release.created_at,
    }


def _last_run(lake: Lake, pipeline: str, today: date) -> dict[str, Any]:  # noqa: ARG001
    from tasks.audit import read_record, run_ids  # noqa: PLC0415

    known = run_ids(lake, pipeline)
    if not known:
        return {}
    try:
        record = read_record(lake, pipeline, known[-1])
    except (OSError, ValueError) as error:
        first = str(error).splitlines()[0]
        raise ReleaseError(f"the record of run {known[-1]} cannot be read: {first}") from error
    shown = {"run_id", "run_date", "status", "release", "started_at", "seconds", "error"}
    return {"last_run": record.model_dump(include=shown)}


def _dimensions(lake: Lake, pipeline: str, today: date) -> dict[str, Any]:  # noqa: ARG001
    from tasks.dimensions import read_pointer  # noqa: PLC0415

    return {"dimensions": dict(sorted(read_pointer(lake, pipeline).snapshots.items()))}


def _catalog_told(standing: dict[str, Any] | None) -> Text:
    if standing is None:
        return Text(NOTHING)
    if standing["problem"] is not None:
        return Text("unreachable", style="yellow")
    release = "nothing" if standing["release"] is None else str(standing["release"])
    return Text(f"{release}, lags", style="yellow") if standing["lags"] else Text(release)


def _cells(state: dict[str, Any], *, has_catalog: bool) -> list[Text]:
    run_date = last = NOTHING
    if state["run_date"] is not None:
        run_date = f"{state['run_date']}, {quantity(state['age_days'], 'day')} old"
    if state["last_run"] is not None:
        run = state["last_run"]
        last = f"{run['status']} in {duration(run['seconds'])}, {run['run_id']}"
    days = ", ".join(f"{name} {day}" for name, day in state["dimensions"].items())
    release = NOTHING if state["release"] is None else str(state["release"])
    catalog = [_catalog_told(state["catalog"])] if has_catalog else []
    rest = [Text(cell) for cell in (run_date, last, days or NOTHING)]
    return [Text(state["pipeline"]), Text(release), *catalog, *rest]
