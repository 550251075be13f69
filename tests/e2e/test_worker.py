"""A deployment on real workers: saved, run in the environment that was applied, published once."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.settings import get_current_settings

from blocks.applying import apply_environment
from blocks.lake import local_lake
from tasks.releases import list_releases

pytestmark = pytest.mark.slow
PROJECT = Path(__file__).parents[2]
PREFECT = [sys.executable, "-m", "prefect"]


@pytest.fixture
def variables(prefect_api: None, tmp_path: Path) -> dict[str, str]:
    """The variables of a machine that knows the API, and of an environment only its name."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("MEDALLION_")}
    return {
        **kept,
        "PREFECT_API_URL": str(get_current_settings().api.url),
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "600",
        "MEDALLION_ENV": "shop",
    }


def prefect(variables: dict[str, str], *words: str) -> str:
    done = subprocess.run(
        [*PREFECT, *words], env=variables, cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


@contextlib.contextmanager
def worker(variables: dict[str, str], name: str, log: Path) -> Iterator[None]:
    with log.open("wb") as output:
        started = subprocess.Popen(
            [*PREFECT, "worker", "start", "--pool", "medallion", "--name", name],
            env=variables,
            cwd=log.parent,  # the deployment says where its code is, not where the worker stands
            stdout=output,
            stderr=output,
        )
        try:
            yield
        finally:
            started.send_signal(signal.SIGINT)
            try:
                started.wait(30)
            except subprocess.TimeoutExpired:
                started.kill()
                started.wait()


@pytest.fixture
def forget(prefect_api: None) -> Iterator[None]:
    """Leave no deployment, pool or block behind."""
    yield
    with get_client(sync_client=True) as client:
        for deployment in client.read_deployments():
            if deployment.work_pool_name == "medallion":
                client.delete_deployment(deployment.id)
        client.delete_work_pool("medallion")
        for document in client.read_block_documents(include_secrets=False):
            if document.block_type and document.block_type.slug.startswith("medallion-"):
                client.delete_block_document(document.id)


def test_two_workers_run_a_deployment_once(
    variables: dict[str, str], forget: None, small_bronze: Path, tmp_path: Path
) -> None:
    lake = tmp_path / "lake"
    (tmp_path / "shop.yml").write_text(
        f"lake: {{kind: local, root: {lake}}}\nretry_delay_seconds: 0\ngates: warn\n"
    )
    apply_environment("shop", folder=tmp_path)
    prefect(variables, "work-pool", "create", "medallion", "--type", "process")
    prefect(variables, "--no-prompt", "deploy", "--all")
    logs = [tmp_path / f"worker-{name}.log" for name in ("one", "two")]
    with worker(variables, "one", logs[0]), worker(variables, "two", logs[1]):
        given = {"run_date": "2024-01-06", "bronze": str(small_bronze)}
        words = [word for name, value in given.items() for word in ("--param", f"{name}={value}")]
        told = prefect(variables, "deployment", "run", "run-pipeline/ecommerce", *words, "--watch")
    assert "Completed" in told
    (release,) = list_releases(local_lake(lake), "ecommerce")
    assert str(release.run_date) == given["run_date"]
    assert (tmp_path / "lake" / "ecommerce" / "reports" / release.run_id / "report.html").is_file()
    with get_client(sync_client=True) as client:
        runs = [run for run in client.read_flow_runs() if run.work_pool_name == "medallion"]
        assert [run.state_name for run in runs] == ["Completed"]
        states = [state.name for state in client.read_flow_run_states(runs[0].id)]
    assert states.count("Running") == 1
