"""The files that deploy elsewhere agree with prefect.yaml and each other, and hold no secret.

Images are not built and clusters not reached here: what is compared is what the files say.
"""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from typing import Any

import prefect.server.api
import pytest
import yaml
from prefect import Flow
from prefect.utilities.callables import parameter_schema

from blocks.secrets import written_secrets
from blocks.settings import _VARIABLES
from tasks.specs import known_pipelines

PROJECT = Path(__file__).parents[2]
DEPLOYMENTS = PROJECT / "deployments"
FILES = {path.stem: path for path in sorted((DEPLOYMENTS / "prefect").glob("*.yaml"))}
POOLS = {
    "dev": ("medallion-dev", "kubernetes"),
    "prod": ("medallion-prod", "kubernetes"),
    "dev-docker": ("medallion-dev", "docker"),
    "prod-cloud-run": ("medallion-prod", "cloud-run-v2"),
}
each_file = pytest.mark.parametrize("name", FILES)


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


LOCAL: dict[str, Any] = read(PROJECT / "prefect.yaml")


def template_of(kind: str) -> dict[str, Any]:
    """The base job template of a work pool of this kind, as Prefect ships it."""
    views = Path(prefect.server.api.__file__).parent / "collections_data" / "views"
    collections = json.loads((views / "aggregate-worker-metadata.json").read_text())
    (worker,) = (workers[kind] for workers in collections.values() if kind in workers)
    template: dict[str, Any] = worker["default_base_job_configuration"]
    return template


def test_each_file_has_its_pool() -> None:
    assert set(FILES) == set(POOLS)


@each_file
def test_an_environment_has_the_deployments_of_the_laptop(name: str) -> None:
    environment = name.partition("-")[0]
    document = read(FILES[name])
    assert document["prefect-version"] == LOCAL["prefect-version"]
    assert len(document["deployments"]) == len(LOCAL["deployments"])
    for here, there in zip(document["deployments"], LOCAL["deployments"], strict=True):
        assert here["name"] == f"{there['name']}-{environment}"
        assert here["tags"] == [*there["tags"], environment]
        assert here["parameters"] == {**there["parameters"], "environment": environment}
        same = ("description", "entrypoint", "concurrency_limit")
        assert [here.get(key) for key in same] == [there.get(key) for key in same]
        crons = [[s["cron"] for s in each.get("schedules", [])] for each in (here, there)]
        assert crons[0] == crons[1]
        # A deploy sets what it says: in production it must not switch schedules off.
        assert all(s["active"] is (environment == "prod") for s in here.get("schedules", []))


@each_file
def test_job_variables_are_those_of_the_pool(name: str) -> None:
    pool, kind = POOLS[name]
    taken = template_of(kind)["variables"]["properties"]
    for entry in read(FILES[name])["deployments"]:
        assert entry["work_pool"]["name"] == pool
        given = entry["work_pool"]["job_variables"]
        assert set(given) <= set(taken)
        assert given["image"] == "{{ $MEDALLION_IMAGE }}"
        assert {"mem_limit", "memory_limit", "memory"} & set(given)
        environment = given["env"]
        assert environment["MEDALLION_ENV"] == name.partition("-")[0]
        assert set(environment) <= {"MEDALLION_ENV", *_VARIABLES}
        assert all(isinstance(value, str) for value in environment.values())


@each_file
def test_events_of_one_environment_do_not_start_another(name: str) -> None:
    environment = name.partition("-")[0]
    patterns = [
        trigger["match"]["prefect.resource.id"]
        for entry in read(FILES[name])["deployments"]
        for trigger in entry.get("triggers", [])
    ]
    wanted = [f"medallion-{environment}.{pipeline}.*" for pipeline in known_pipelines()]
    assert sorted(patterns) == sorted(wanted)


def test_no_deployment_holds_a_secret() -> None:
    for path in [PROJECT / "prefect.yaml", *FILES.values()]:
        assert list(written_secrets(read(path))) == [], path.name


def flows() -> dict[str, Flow[..., Any]]:
    """Every flow that a module of flows/ defines, by its entrypoint."""
    found = {}
    for path in sorted((PROJECT / "flows").glob("*.py")):
        module = importlib.import_module(f"flows.{path.stem}")
        for name, value in vars(module).items():
            if isinstance(value, Flow) and value.fn.__module__ == module.__name__:
                found[f"flows/{path.name}:{name}"] = value
    return found


def test_every_flow_has_a_deployment() -> None:
    assert {entry["entrypoint"] for entry in LOCAL["deployments"]} == set(flows())


@pytest.mark.parametrize("entrypoint", flows())
def test_forms_say_what_each_parameter_means(entrypoint: str) -> None:
    properties = parameter_schema(flows()[entrypoint].fn).properties
    silent = [name for name, field in properties.items() if not field.get("description")]
    assert silent == []


def test_the_image_is_made_from_the_locks_and_runs_as_nobody_special() -> None:
    text = (DEPLOYMENTS / "container" / "Dockerfile").read_text()
    assert len(re.findall(r"^FROM ", text, re.MULTILINE)) == 2
    assert re.findall(r"^USER (.*)$", text, re.MULTILINE) == ["10001:10001"]
    assert text.rindex("USER") > text.rindex("COPY")
    for command in re.findall(r"(?:pip|uv pip) install [^&]*", text):
        assert "--require-hashes" in command or "--offline" in command
    copied = [
        w
        for line in re.findall(r"^COPY (?!--from)(.*) \S+$", text, re.MULTILINE)
        for w in line.split()
    ]
    assert all((PROJECT / name).exists() for name in copied)
    kept = (DEPLOYMENTS / "container" / "Dockerfile.dockerignore").read_text()
    for name in copied:
        assert f"!{name.partition('/')[0]}\n" in kept
    assert not re.search(r"^(ARG|ENV).*(SECRET|PASSWORD|TOKEN|KEY)", text, re.MULTILINE)


def test_the_image_goes_by_artifacts_alone() -> None:
    text = (DEPLOYMENTS / "container" / "Dockerfile").read_text()
    compiled = text.index("medallion compile")
    assert text.index("pip install", text.index("COPY tasks")) < compiled
    assert compiled < text.index("rm flows/specs/*.yml deployments/*.yml")
    workdir = re.findall(r"^WORKDIR (.*)$", text, re.MULTILINE)[-1]
    assert f"MEDALLION_ARTIFACT={workdir}/artifacts" in text
    assert {path.stem for path in DEPLOYMENTS.glob("*.yml")} == {"local", "dev", "prod"}


def test_mistakes_are_found_before_anything_is_tested_or_deployed() -> None:
    workflows = PROJECT / ".github" / "workflows"
    for name, job, after in (("ci", "checks", "make test"), ("deploy", "deploy", "blocks apply")):
        runs = " ".join(
            step.get("run", "") for step in read(workflows / f"{name}.yml")["jobs"][job]["steps"]
        )
        assert runs.index("medallion validate") < runs.index(after)


def locked(path: Path) -> dict[str, str]:
    text = path.read_text().replace(" \\\n    ", " ")
    return dict(line.split("==", 1) for line in text.splitlines() if "==" in line)


def test_the_images_lock_is_part_of_the_lock_and_free_of_what_only_tests_need() -> None:
    everything = locked(PROJECT / "requirements.lock")
    image = locked(DEPLOYMENTS / "container" / "requirements.lock")
    assert image.items() <= everything.items()
    assert {"prefect", "dbt-duckdb", "polars", "hatchling", "boto3"} <= set(image)
    assert not {"pytest", "mypy", "ruff", "moto"} & set(image)
    assert all("--hash=sha256:" in pinned for pinned in image.values())


def test_the_composed_services_are_pinned_local_and_take_secrets_from_outside() -> None:
    compose = read(DEPLOYMENTS / "container" / "compose.yaml")
    services = compose["services"]
    for name, service in services.items():
        own = service["image"] == "medallion-flows"
        assert own == ("build" in service), name
        assert own or re.search(r":[\w.-]*\d+\.\d+|:RELEASE\.", service["image"]), name
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), name
        for variable, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|KEY|_USER$", variable) and value != "prefect":
                assert re.fullmatch(r"\$\{\w+:\?[^}]*\}", value), variable
    prefect_image = services["server"]["image"]
    assert f":{LOCAL['prefect-version']}-" in prefect_image
    build = services["worker"]["build"]
    context = (DEPLOYMENTS / "container" / build["context"]).resolve()
    assert (context / build["dockerfile"]).is_file()


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_helm_values_name_what_the_deployments_name(environment: str) -> None:
    folder = DEPLOYMENTS / "helm" / environment
    worker, server = read(folder / "worker.yaml")["worker"], read(folder / "server.yaml")
    assert worker["config"]["workPool"] == POOLS[environment][0]
    assert worker["config"]["type"] == POOLS[environment][1]
    version = LOCAL["prefect-version"]
    assert worker["image"]["prefectTag"].startswith(f"{version}-")
    assert server["global"]["prefect"]["image"]["prefectTag"].startswith(f"{version}-")
    namespace = read(FILES[environment])["deployments"][0]["work_pool"]["job_variables"][
        "namespace"
    ]
    assert f".{namespace}.svc" in worker["selfHostedServerApiConfig"]["apiUrl"]
    assert server["secret"]["create"] is False
    assert server["postgresql"]["enabled"] is False
    assert "authString" not in json.dumps([worker, server])


def test_the_workflow_deploys_what_was_tested_and_built() -> None:
    workflow = read(PROJECT / ".github" / "workflows" / "deploy.yml")
    jobs = workflow["jobs"]
    assert jobs["checks"]["uses"] == "./.github/workflows/ci.yml"
    assert "workflow_call" in read(PROJECT / ".github" / "workflows" / "ci.yml")[True]
    assert (jobs["image"]["needs"], jobs["deploy"]["needs"]) == ("checks", "image")
    options = workflow[True]["workflow_dispatch"]["inputs"]["environment"]["options"]
    for environment in options:
        assert (DEPLOYMENTS / "prefect" / f"{environment}.yaml").is_file()
        assert (DEPLOYMENTS / f"{environment}.yml").is_file()
    runs = " ".join(step.get("run", "") for step in jobs["deploy"]["steps"])
    assert runs.index("blocks apply") < runs.index("deploy --all")
    assert "@${{ needs.image.outputs.digest }}" in jobs["deploy"]["env"]["MEDALLION_IMAGE"]
