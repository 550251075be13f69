"""The files that deploy elsewhere, as the programs take them that read them.

Schemas of workflows and compose files come with check-jsonschema, the rules of a build's context
with Docker's own client. The charts are no package: what they take is written down here.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from check_jsonschema import main as check_jsonschema
from click.testing import CliRunner
from docker.utils.build import exclude_paths
from prefect.settings import Settings
from sqlalchemy import make_url

PROJECT = Path(__file__).parents[2]
CONTAINER = PROJECT / "deployments" / "container"
WORKFLOWS = sorted((PROJECT / ".github" / "workflows").glob("*.yml"))
SCHEMAS = [
    *(("vendor.github-workflows", path) for path in WORKFLOWS),
    ("vendor.compose-spec", CONTAINER / "compose.yaml"),
]


def complaints(schema: str, path: Path) -> str:
    """What the schema says against a file; nothing if it keeps to it."""
    called = CliRunner().invoke(check_jsonschema, ["--builtin-schema", schema, str(path)])
    assert called.exit_code in (0, 1), called.output
    return called.output if called.exit_code else ""


@pytest.mark.parametrize(("schema", "path"), SCHEMAS, ids=lambda each: Path(each).name)
def test_a_file_keeps_to_its_schema(schema: str, path: Path, tmp_path: Path) -> None:
    assert complaints(schema, path) == ""
    document = yaml.safe_load(path.read_text())
    parts = document.get("services") or document["jobs"]
    next(iter(parts.values()))["no-such-key"] = True
    broken = tmp_path / path.name
    broken.write_text(yaml.safe_dump(document))
    assert "no-such-key" in complaints(schema, broken)


def test_a_push_does_not_cancel_the_checks_that_a_deployment_waits_for() -> None:
    workflow = yaml.safe_load((PROJECT / ".github" / "workflows" / "ci.yml").read_text())
    group = workflow["concurrency"]["group"]
    assert "github.event_name == 'pull_request' && github.ref || github.run_id" in group
    steps = workflow["jobs"]["checks"]["steps"]
    (key,) = (step["with"]["key"] for step in steps if "cache@" in step.get("uses", ""))
    # An environment links to its interpreter, which the next image of the runner may lack.
    assert "steps.python.outputs.python-version" in key


IN_THE_IMAGE = {
    "LICENSE",
    "README.md",
    "prefect.yaml",
    "pyproject.toml",
    "requirements.lock",
    "blocks/lake.py",
    "cli/app.py",
    "dbt/models/silver/orders.sql",
    "deployments/container/requirements.lock",
    "deployments/automations/zombie-runs.yml",
    "deployments/prod.yml",
    "flows/specs/ecommerce.yml",
    "tasks/audit.py",
}
LEFT_OUT = {
    ".env",
    ".git/config",
    ".venv/bin/python",
    "benchmarks/measuring.py",
    "blocks/__pycache__/lake.cpython-311.pyc",
    "dbt/logs/dbt.log",
    "dbt/target/manifest.json",
    "deployments/.env.prod",
    "deployments/container/.env",
    "deployments/container/compose.yaml",
    "deployments/container/inbox/orders/2024-01-14.csv",
    "lake/ecommerce/_latest.json",
    "tests/conftest.py",
}


def test_the_builder_is_sent_what_the_image_is_made_of_and_no_secret(tmp_path: Path) -> None:
    for name in IN_THE_IMAGE | LEFT_OUT:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    lines = (CONTAINER / "Dockerfile.dockerignore").read_text().splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    sent = exclude_paths(str(tmp_path), patterns)
    assert {name for name in sent if (tmp_path / name).is_file()} == IN_THE_IMAGE


# What the charts' documentation lists of what we set: prefect-server and prefect-worker of 2025.
TAKEN = {
    "server": {
        "global.prefect.env",
        "global.prefect.image.prefectTag",
        "postgresql.enabled",
        "secret.create",
        "secret.name",
        "server.basicAuth.enabled",
        "server.basicAuth.existingSecret",
        "server.livenessProbe.config.initialDelaySeconds",
        "server.livenessProbe.enabled",
        "server.readinessProbe.enabled",
        "server.replicaCount",
        "server.resources.limits.cpu",
        "server.resources.limits.memory",
        "server.resources.requests.cpu",
        "server.resources.requests.memory",
    },
    "worker": {
        "worker.apiConfig",
        "worker.config.limit",
        "worker.extraEnvVars",
        "worker.config.type",
        "worker.config.workPool",
        "worker.image.prefectTag",
        "worker.livenessProbe.enabled",
        "worker.replicaCount",
        "worker.resources.limits.cpu",
        "worker.resources.limits.memory",
        "worker.resources.requests.cpu",
        "worker.resources.requests.memory",
        "worker.selfHostedServerApiConfig.apiUrl",
        "worker.selfHostedServerApiConfig.basicAuth.enabled",
        "worker.selfHostedServerApiConfig.basicAuth.existingSecret",
    },
}


def keys(values: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """The settings of a values file, by their path."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from keys(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


@pytest.mark.parametrize("environment", ["dev", "prod"])
@pytest.mark.parametrize("chart", TAKEN)
def test_the_charts_know_what_the_values_set(chart: str, environment: str) -> None:
    path = PROJECT / "deployments" / "helm" / environment / f"{chart}.yaml"
    values = dict(keys(yaml.safe_load(path.read_text())))
    assert set(values) == TAKEN[chart]
    # The schemas of the charts want quantities as texts, and counts as numbers.
    wanted = {"enabled": bool, "create": bool, "env": list, "extraEnvVars": list}
    wanted |= dict.fromkeys(("replicaCount", "limit", "initialDelaySeconds"), int)
    for name, value in values.items():
        assert type(value) is wanted.get(name.rpartition(".")[2], str), name


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_runs_on_kubernetes_are_referred_to_the_secret_of_the_api(environment: str) -> None:
    path = PROJECT / "deployments" / "helm" / environment / "worker.yaml"
    worker = yaml.safe_load(path.read_text())["worker"]
    set_there = {each["name"]: each["value"] for each in worker["extraEnvVars"]}
    place = "PREFECT_INTEGRATIONS_KUBERNETES_WORKER_API_AUTH_STRING_SECRET"
    secret = worker["selfHostedServerApiConfig"]["basicAuth"]["existingSecret"]
    assert set_there == {f"{place}_NAME": secret, f"{place}_KEY": "auth-string"}


def test_composed_runs_that_lose_their_worker_are_looked_after() -> None:
    services = yaml.safe_load((CONTAINER / "compose.yaml").read_text())["services"]
    assert "medallion automations apply local" in services["deploy"]["command"][-1]
    assert services["worker"]["init"] is True


def test_the_composed_server_finds_its_database_whatever_the_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    services = yaml.safe_load((CONTAINER / "compose.yaml").read_text())["services"]
    password = "p@ss/w:rd+1%2"
    for name, value in services["server"]["environment"].items():
        monkeypatch.setenv(name, value.replace("${POSTGRES_PASSWORD:?}", password))
    url = make_url(str(Settings().server.database.connection_url.get_secret_value()))
    database = services["database"]["environment"]
    assert (url.host, url.port, url.password) == ("database", 5432, password)
    assert (url.username, url.database) == (database["POSTGRES_USER"], database["POSTGRES_DB"])


def test_leases_of_slots_outlive_a_restart_of_the_server() -> None:
    compose = yaml.safe_load((CONTAINER / "compose.yaml").read_text())
    server = compose["services"]["server"]
    kept = server["environment"]["PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE"]
    assert hasattr(import_module(kept), "ConcurrencyLeaseStorage")
    assert f"server:{server['environment']['PREFECT_HOME']}" in server["volumes"]
    for environment in ("dev", "prod"):
        path = PROJECT / "deployments" / "helm" / environment / "server.yaml"
        variables = yaml.safe_load(path.read_text())["global"]["prefect"]["env"]
        assert {"name": "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE", "value": kept} in variables
