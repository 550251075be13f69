"""A deployment on real workers: saved, run in the environment that was applied, published once."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import State
from prefect.settings import get_current_settings
from prefect.states import Running

from blocks.applying import apply_environment
from blocks.lake import local_lake
from cli.local_ui import scratch
from tasks.audit import past_runs
from tasks.releases import list_releases
from tests.conftest import SHARED

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
        started = Popen(
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
        for automation in client.read_automations():
            client.delete_automation(automation.id)
        for document in client.read_block_documents(include_secrets=False):
            if document.block_type and document.block_type.slug.startswith("medallion-"):
                client.delete_block_document(document.id)


@pytest.fixture
def bronze(request: pytest.FixtureRequest) -> tuple[Path, str]:
    """The real exporter's bronze where it lies beside the project, else a sample; a day of it."""
    real = SHARED / "ecommerce" / "bronze"
    if real.is_dir():
        return real, "2024-01-14"
    return request.getfixturevalue("small_bronze"), "2024-01-06"


@pytest.fixture
def ui(variables: dict[str, str], forget: None, tmp_path: Path) -> Iterator[tuple[Popen, Path]]:
    """`make ui` on the server that runs, in the environment `shop`, once it says that it is up."""
    lake = tmp_path / "lake"
    (tmp_path / "shop.yml").write_text(
        f"lake: {{kind: local, root: {lake}}}\nretry_delay_seconds: 0\ngates: warn\n"
    )
    apply_environment("shop", folder=tmp_path)
    log = tmp_path / "ui.log"
    with log.open("wb") as output:
        command = [sys.executable, "-m", "cli.local_ui", "--port", port_of(variables)]
        started = Popen(command, env=variables, cwd=PROJECT, stdout=output, stderr=output)
    try:
        wait_until(lambda: "Ctrl-C stops it." in log.read_text() or started.poll() is not None)
        yield started, log
    finally:
        started.kill()
        started.wait()


def test_make_ui_deploys_everything_and_two_workers_publish_a_day_once(
    ui: tuple[Popen, Path], variables: dict[str, str], bronze: tuple[Path, str], tmp_path: Path
) -> None:
    (process, log), port = ui, port_of(variables)
    assert f"Prefect's user interface: http://127.0.0.1:{port}\n" in log.read_text()
    assert "it is used, and left running" in log.read_text()
    again = [sys.executable, "-m", "cli.local_ui", "--port", port]
    done = subprocess.run(
        again, env=variables, cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert f"(process {process.pid})" in done.stdout
    with get_client(sync_client=True) as client:
        deployed = {each.name for each in client.read_deployments()}
        assert {"ecommerce", "clickstream", "ecommerce-rollback"} <= deployed
        client.read_block_document_by_name("local", "medallion-platform")
        assert client.read_automations_by_name("medallion: runs without a heartbeat")
        with worker(variables, "two", tmp_path / "worker-two.log"):
            wait_until(lambda: worker_names(client) == {"make-ui", "two"})
            publish_once(client, variables, tmp_path / "lake", *bronze)
        stop_under_way(client, process, log)
    assert "Worker 'make-ui' stopped!" in (scratch() / f"ui-{port}-worker.log").read_text()


def publish_once(
    client: SyncPrefectClient, variables: dict[str, str], lake: Path, folder: Path, day: str
) -> None:
    """Two runs of a day at once: both complete, one publishes."""
    given = {"run_date": day, "bronze": str(folder)}
    words = [word for name, value in given.items() for word in ("--param", f"{name}={value}")]
    name = "run-pipeline/ecommerce"
    deployment = client.read_deployment_by_name(name)
    other = client.create_flow_run_from_deployment(deployment.id, parameters=given)
    told = prefect(variables, "deployment", "run", name, *words, "--watch")
    wait_until(lambda: is_final(client.read_flow_run(other.id).state))
    assert "Completed" in told
    (release,) = list_releases(local_lake(lake), "ecommerce")
    assert str(release.run_date) == day
    statuses = [record.status for record in past_runs(local_lake(lake), "ecommerce")]
    assert statuses == ["published", "unchanged"]
    assert (lake / "ecommerce" / "reports" / release.run_id / "report.html").is_file()
    runs = [run for run in client.read_flow_runs() if run.work_pool_name == "medallion"]
    ended = [(run.name, run.state_name, run.state and run.state.message) for run in runs]
    assert ended == [(f"ecommerce {day}", "Completed", None)] * 2
    for run in runs:
        states = [state.name for state in client.read_flow_run_states(run.id)]
        assert states.count("Running") == 1


def stop_under_way(client: SyncPrefectClient, process: Popen, log: Path) -> None:
    """Stop `make ui` while a run's process is gone: the run is marked, the server left alone."""
    dead = Popen([sys.executable, "-c", ""])
    dead.wait()
    deployment = client.read_deployment_by_name("maintain/ecommerce-maintenance")
    cut = client.create_flow_run_from_deployment(deployment.id, state=Running())
    client.update_flow_run(cut.id, infrastructure_pid=str(dead.pid))
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    assert log.read_text().endswith(
        f"Stopping ...\n{cut.name} was under way and is marked as crashed.\n"
    )
    assert client.api_healthcheck() is None  # that server is not make ui's to stop
    assert client.read_flow_run(cut.id).state_name == "Crashed"


def port_of(variables: dict[str, str]) -> str:
    """The port of the API."""
    return variables["PREFECT_API_URL"].rpartition(":")[2].removesuffix("/api")


def is_final(state: State[Any] | None) -> bool:
    """Whether a flow run has ended."""
    return state is not None and state.is_final()


def worker_names(client: SyncPrefectClient) -> set[str]:
    """The workers of the pool that are there."""
    found = client.request("POST", "/work_pools/medallion/workers/filter", json={}).json()
    return {each["name"] for each in found if each["status"] == "ONLINE"}


def wait_until(come: Callable[[], bool], seconds: float = 180) -> None:
    """Wait for something that other processes bring about."""
    deadline = time.monotonic() + seconds
    while not come():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)
