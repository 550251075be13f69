"""prefect.yaml, the README and its pages agree with the flows and settings that they speak of."""

from __future__ import annotations

import inspect
import re
import shlex
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import typer
import yaml
from prefect import Flow
from prefect.cli.deploy._models import PrefectYamlModel
from prefect.cli.deploy._triggers import _initialize_deployment_triggers
from prefect.events.schemas.deployment_triggers import DeploymentEventTrigger
from prefect.server.events.actions import RunDeployment
from prefect.utilities.importtools import import_object

from blocks.settings import _VARIABLES, Settings
from cli.app import app
from flows.backfill import backfill
from flows.ingest import ingest
from flows.maintain import maintain
from flows.quality_sensor import quality_sensor
from flows.rollback import rollback
from flows.run import run_pipeline
from flows.sync import sync_warehouse
from flows.watch import process_arrivals
from tasks.specs import known_pipelines, load_spec

PROJECT = Path(__file__).parents[2]
PREFECT: dict[str, Any] = yaml.safe_load((PROJECT / "prefect.yaml").read_text())
DEPLOYMENTS: list[dict[str, Any]] = PREFECT["deployments"]
PAGES = {path.stem: path.read_text() for path in sorted((PROJECT / "docs").glob("*.md"))}
INDEX = PAGES.pop("README")
README = (PROJECT / "README.md").read_text()
PIPELINES, DEPLOYING, SETTINGS = (PAGES[name] for name in ("pipelines", "deploying", "settings"))
CALLS = [
    line
    for page in (README, *PAGES.values())
    for block in re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    for line in block.replace("\\\n", " ").splitlines()
    if line.startswith("medallion ")
]
ARRIVALS = [e for e in DEPLOYMENTS if e["entrypoint"] == "flows/watch.py:process_arrivals"]
each_arrival = pytest.mark.parametrize("entry", ARRIVALS, ids=lambda d: d["name"])
each_deployment = pytest.mark.parametrize("entry", DEPLOYMENTS, ids=lambda d: d["name"])


def flow_of(entry: dict[str, Any]) -> Flow[..., Any]:
    path, name = entry["entrypoint"].split(":")
    found = import_object(f"{path.removesuffix('.py').replace('/', '.')}.{name}")
    assert isinstance(found, Flow)
    assert Path(str(inspect.getsourcefile(found.fn))) == PROJECT / path
    return found


@each_deployment
def test_a_deployment_gives_its_flow_what_it_takes(entry: dict[str, Any]) -> None:
    flow = flow_of(entry)
    taken = inspect.signature(flow.fn).parameters
    assert set(entry["parameters"]) <= set(taken)
    assert entry["parameters"]["pipeline"] in known_pipelines()
    required = {n for n, p in taken.items() if p.default is p.empty} - set(entry["parameters"])
    told = {"start": "2024-01-01", "end": "2024-01-14", "to": 3}
    given = entry["parameters"] | {name: told.get(name, "by each run") for name in required}
    assert flow.validate_parameters(given)["pipeline"] == entry["parameters"]["pipeline"]


@each_deployment
def test_schedules_wait_to_be_switched_on(entry: dict[str, Any]) -> None:
    assert all(schedule["active"] is False for schedule in entry.get("schedules", []))
    assert entry["work_pool"]["name"] == "medallion"


def test_prefect_reads_the_file_as_it_is_meant() -> None:
    assert [d.name for d in PrefectYamlModel.model_validate(PREFECT).deployments] == [
        entry["name"] for entry in DEPLOYMENTS
    ]


@each_arrival
def test_arrivals_of_a_pipeline_start_its_deployment(entry: dict[str, Any]) -> None:
    pipeline = entry["parameters"]["pipeline"]
    (trigger,) = _initialize_deployment_triggers(entry["name"], entry["triggers"])
    assert isinstance(trigger, DeploymentEventTrigger)
    assert (trigger.enabled, trigger.threshold) == (True, 1)
    assert trigger.expect == {"medallion.file.arrived"}
    assert trigger.match.root == {"prefect.resource.id": f"medallion.{pipeline}.*"}
    # The action checks its templates.
    RunDeployment(deployment_id=uuid4(), parameters=trigger.parameters)
    assert set(trigger.parameters or ()) <= set(inspect.signature(flow_of(entry).fn).parameters)


EACH_PIPELINE = [
    run_pipeline,
    ingest,
    process_arrivals,
    maintain,
    backfill,
    rollback,
    quality_sensor,
]


@pytest.mark.parametrize("flow", EACH_PIPELINE, ids=lambda f: f.name)
def test_every_pipeline_has_a_deployment_of(flow: Flow[..., Any]) -> None:
    pipelines = [e["parameters"]["pipeline"] for e in DEPLOYMENTS if flow_of(e) is flow]
    assert sorted(pipelines) == sorted(known_pipelines())


@each_deployment
def test_one_run_at_a_time_publishes(entry: dict[str, Any]) -> None:
    alone = (run_pipeline, process_arrivals, backfill, rollback, sync_warehouse)
    limit = {"limit": 1, "collision_strategy": "ENQUEUE"} if flow_of(entry) in alone else None
    assert entry.get("concurrency_limit") == limit


def test_names_are_given_once() -> None:
    names = [entry["name"] for entry in DEPLOYMENTS]
    assert len(names) == len(set(names))


@each_deployment
def test_the_page_lists_the_deployments_parameters(entry: dict[str, Any]) -> None:
    flow = flow_of(entry)
    (listed,) = re.findall(
        rf"^\| `{flow.name}/{entry['name']}` \| (.*) \|$", DEPLOYING, re.MULTILINE
    )
    own = set(inspect.signature(flow.fn).parameters) - {"pipeline"}
    assert set(re.findall(r"`(\w+)`", listed)) == own


def test_the_page_lists_the_settings_with_their_defaults() -> None:
    rows = re.findall(r"^\| `(MEDALLION_\w+)` \|(?: `(\w+)`)? \| (.*?) \|", SETTINGS, re.MULTILINE)
    listed = {variable: (setting, default.strip("`")) for variable, setting, default in rows}
    assert listed.pop("MEDALLION_ENV") == ("", "local")
    assert listed.pop("MEDALLION_ARTIFACT") == ("", "none")
    assert {variable: setting for variable, (setting, _) in listed.items()} == _VARIABLES
    special = {"threads": "all cores", "lake_root": Settings().places.root}
    for setting, default in listed.values():
        assert default == special.get(setting) or default == shown(Settings(), setting), setting


def shown(settings: Settings, setting: str) -> str:
    value = getattr(settings, setting)
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(value) if isinstance(value, tuple) else str(value)


def test_the_readme_lists_the_commands_with_what_they_need() -> None:
    listed = {}
    for usage in re.findall(r"^\| `medallion (\w+[^`]*)` \|", README, re.MULTILINE):
        command, *needed = re.sub(r'"[^"]*"', "SQL", usage).split()
        listed[command] = {word for word in needed if word.startswith("--") or word.isupper()}
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert set(listed) == set(commands)
    for name, command in commands.items():
        known = {option for parameter in command.params for option in parameter.opts}
        required = {p.opts[0] for p in command.params if p.required and p.opts[0].startswith("-")}
        assert required <= listed[name], name
        assert {o for o in listed[name] if o.startswith("--")} <= known, name


@pytest.mark.parametrize("call", CALLS)
def test_the_commands_that_are_shown_can_be_called(call: str) -> None:
    _, command, *arguments = shlex.split(call, comments=True)
    found = typer.main.get_command(app).commands[command]  # type: ignore[attr-defined]
    given = found.make_context(command, arguments).params  # refuses what it does not know
    assert (given.get("pipeline") or "ecommerce") in known_pipelines()


def test_the_page_lists_the_tables_of_the_clickstream() -> None:
    spec = load_spec("clickstream")
    (events,) = spec.tables
    published = {f"silver.{events.name}", f"silver.{events.quarantine_name}"}
    published |= {f"gold.{fact.name}" for fact in spec.gold if not fact.internal}
    section = PIPELINES.partition("\n## Clickstream\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+\.\w+)` \|", section, re.MULTILINE)) == published
    wanted = spec.gate_thresholds(events.name).quality_score_above
    assert wanted is not None
    assert f"exceed {100 * wanted:g} % (`quality_score_above`)" in section


def test_the_page_lists_the_tables_of_retail() -> None:
    spec = load_spec("retail")
    published = {f"silver.{name}" for t in spec.tables for name in (t.name, t.quarantine_name)}
    published |= {f"gold.{fact.name}" for fact in spec.gold}
    section = PIPELINES.partition("\n## Retail\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+\.\w+)` \|", section, re.MULTILINE)) == published
    (shown,) = re.findall(r"```yaml\n(.*?)```", section, re.DOTALL)
    mapping = yaml.safe_load(shown)["source"]
    source = spec.table("stg_orders").source
    assert source is not None
    declared = source.model_dump(include={"path", "joins"}, exclude_defaults=True)
    by = [{**join, "by": {join["by"]: join["by"]}} for join in mapping["joins"]]
    assert declared == {"path": mapping["path"], "joins": tuple(by)}
    assert mapping["columns"].items() <= source.columns.items()


def test_the_readme_is_short_and_leads_to_every_page_and_decision() -> None:
    assert len(README.splitlines()) <= 300
    for page in PAGES:
        assert f"](docs/{page}.md)" in README
        assert f"]({page}.md)" in INDEX
    assert "](docs/decisions/)" in README
    assert "](decisions/)" in INDEX


@pytest.mark.parametrize(
    "page",
    ["README.md", "CONTRIBUTING.md", *sorted(["docs/README.md", *(f"docs/{p}.md" for p in PAGES)])],
)
def test_links_lead_somewhere(page: str) -> None:
    path = PROJECT / page
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
        place, _, heading = target.partition("#")
        if "://" in place:
            continue
        found = (path.parent / place).resolve() if place else path
        assert found.exists(), target
        names = (
            [
                line.lstrip("# ").lower()
                for line in found.read_text().splitlines()
                if line.startswith("#")
            ]
            if heading
            else []
        )
        assert not heading or heading in [name.replace(" ", "-") for name in names], target


def test_the_prefect_version_is_the_one_that_is_installed() -> None:
    pinned = re.search(r'"prefect==([^"]+)"', (PROJECT / "pyproject.toml").read_text())
    assert pinned is not None
    assert PREFECT["prefect-version"] == pinned[1]


def test_the_page_lists_the_tables_of_coordination() -> None:
    spec = load_spec("coordination")
    published = {f"silver.{name}" for t in spec.tables for name in (t.name, t.quarantine_name)}
    published |= {f"silver.{name}" for table in spec.tables for name in table.shown_beside}
    published |= {f"gold.{fact.name}" for fact in spec.gold}
    section = PIPELINES.partition("\n## Coordination\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+\.\w+)` \|", section, re.MULTILINE)) == published


def test_coordination_runs_daily_at_one_and_when_files_arrive() -> None:
    crons = [s["cron"] for s in _deployment("coordination").get("schedules", [])]
    assert crons == ["0 1 * * *"]
    assert _deployment("coordination-arrivals")["triggers"]


def _deployment(name: str) -> dict[str, Any]:
    (found,) = [entry for entry in DEPLOYMENTS if entry["name"] == name]
    return found
