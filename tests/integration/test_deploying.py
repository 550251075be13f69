"""`prefect deploy --all` saves a file of deployments to a real API as it is meant."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
import yaml
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.settings import get_current_settings

from tests.unit.test_deployment_files import FILES, POOLS, PROJECT, template_of

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("prefect_api")]
VARIABLES = {
    "MEDALLION_IMAGE": "example/medallion-flows@sha256:" + "0" * 64,
    "MEDALLION_REGION": "europe-west1",
    "MEDALLION_SERVICE_ACCOUNT": "runs@example.invalid",
}


@pytest.fixture
def pool(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    name, kind = request.param
    made = WorkPoolCreate(name=name, type=kind, base_job_template=template_of(kind))
    with get_client(sync_client=True) as client:
        client.create_work_pool(made)
        yield name, kind
        client.delete_work_pool(name)


# One file: the others differ by what tests/unit/test_deployment_files.py compares.
CASES = [(str(FILES["prod"].relative_to(PROJECT)), POOLS["prod"])]


@pytest.mark.parametrize(("file", "pool"), CASES, indirect=["pool"], ids=[c[0] for c in CASES])
def test_all_is_deployed_as_the_file_says(file: str, pool: tuple[str, str]) -> None:
    document = yaml.safe_load((PROJECT / file).read_text())
    # Of one pipeline: those of the others differ by their names and schedules.
    entries = [e for e in document["deployments"] if e["name"].startswith("ecommerce")]
    names = [word for entry in entries for word in ("--name", entry["name"])]
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", "deploy", *names, "--prefect-file", file],
        env={**os.environ, **VARIABLES, "PREFECT_API_URL": str(get_current_settings().api.url)},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    with get_client(sync_client=True) as client:
        saved = {d.name: d for d in client.read_deployments() if d.work_pool_name == pool[0]}
        assert set(saved) == {entry["name"] for entry in entries}
        for entry in entries:
            deployment = saved[entry["name"]]
            assert deployment.parameters == entry["parameters"]
            assert set(deployment.tags) == set(entry["tags"])
            assert deployment.enforce_parameter_schema
            schema = deployment.parameter_openapi_schema["properties"]
            assert all(field.get("description") for field in schema.values())
            limit = deployment.global_concurrency_limit
            assert (limit.limit if limit else None) == entry.get("concurrency_limit", {}).get(
                "limit"
            )
            assert [s.active for s in deployment.schedules] == [
                s["active"] for s in entry.get("schedules", [])
            ]
            text = str(deployment.job_variables)
            assert "{{" not in text
            assert VARIABLES["MEDALLION_IMAGE"] in text
            (step,) = deployment.pull_steps
            assert step == document["pull"][0]
            client.delete_deployment(deployment.id)
