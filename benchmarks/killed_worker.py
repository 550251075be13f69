"""A worker and its run killed with -9: when the run is marked, and when the next one has its slot.

Belongs here: a real server, two workers one after the other, the ecommerce deployment with its
limit of one run, and the shipped automation with nothing changed but its time. Does not belong
here: what the automation says (`deployments/automations/zombie-runs.yml`).

It takes about four minutes, which is why it is no test. The exit status is 1 when the killed run
was not marked as crashed, or the second did not begin, publish and give its slot back.

    python -m benchmarks.killed_worker [--heartbeat 30] [--within 90]

Prefect leases a slot to a run for five minutes at a time. With `--within` beyond that, the lease
frees the slot and the mark follows.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import State

from benchmarks.measuring import prefect_server
from blocks.automations import AUTOMATIONS_FOLDER, apply_automations
from blocks.lake import local_lake
from tasks.prefect_settings import changed_settings
from tasks.quality_events import resource_prefix
from tasks.releases import list_releases
from tasks.sample_data.write import write_sample

PROJECT = Path(__file__).parents[1]
PREFECT = [sys.executable, "-m", "prefect"]
DEPLOYMENT = "run-pipeline/ecommerce"
FIRST_DAY, LAST_DAY = date(2024, 1, 1), date(2024, 1, 3)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--heartbeat", type=int, default=30, help="seconds between two, 30 at least"
    )
    parser.add_argument("--within", type=int, default=90, help="seconds of silence of a dead run")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="killed-worker-") as folder:
        return measure_in(Path(folder), arguments.heartbeat, arguments.within)


def measure_in(folder: Path, heartbeat: int, within: int) -> int:
    write_sample(folder / "bronze", orders=60, days=3, seed=5, dirt=0.03, first_day=FIRST_DAY)
    kept = {name: text for name, text in os.environ.items() if not name.startswith("MEDALLION_")}
    env = kept | {
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(heartbeat),
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "MEDALLION_LAKE": str(folder / "lake"),
    }
    with (
        prefect_server(env) as served,
        changed_settings({"api": {"url": served["PREFECT_API_URL"]}}),
    ):
        for words in (
            ["work-pool", "create", "medallion", "--type", "process"],
            ["--no-prompt", "deploy", "--name", "ecommerce"],
        ):
            subprocess.run(
                [*PREFECT, *words], env=served, cwd=PROJECT, check=True, capture_output=True
            )
        apply_automations(
            "local", prefix=resource_prefix("local"), folder=shortened(folder, within)
        )
        with get_client(sync_client=True) as client:
            return watch(client, folder, served)


def shortened(folder: Path, within: int) -> Path:
    """The shipped automation with another time of silence."""
    copied = folder / "automations"
    copied.mkdir()
    text = (AUTOMATIONS_FOLDER / "zombie-runs.yml").read_text()
    text, times = re.subn(r"^(  within:) \d+$", rf"\1 {within}", text, flags=re.MULTILINE)
    assert times == 1
    (copied / "zombie-runs.yml").write_text(text)
    return copied


def watch(client: SyncPrefectClient, folder: Path, env: dict[str, str]) -> int:
    deployment = client.read_deployment_by_name(DEPLOYMENT).id
    given = {"run_date": LAST_DAY.isoformat(), "bronze": str(folder / "bronze")}

    def asked_for() -> UUID:
        return client.create_flow_run_from_deployment(deployment, parameters=given).id

    def held() -> int:
        limit = client.read_global_concurrency_limit_by_name(f"deployment:{deployment}")
        return limit.active_slots

    with worker(folder / "first.log", env) as process:
        first = asked_for()
        wait_for("the first run's heartbeat", lambda: heartbeats(client, first) > 0)
        second = asked_for()
        wait_for(
            "the second run to queue up", lambda: "AwaitingConcurrencySlot" in seen(client, second)
        )
        kill_all(process.pid)
        killed = time.time()
    print(f"killed the worker and its run; the deployment holds {held()} slot")
    with worker(folder / "second.log", env):
        wait_for("the first run to be marked", lambda: is_final(client, first))
        wait_for("the second run to end", lambda: is_final(client, second))
    states = {
        run: {s.name: s.timestamp for s in all_states(client, run)} for run in (first, second)
    }
    crashed, began = states[first].get("Crashed"), states[second].get("Running")
    for told, at in (("first run marked as crashed", crashed), ("second run began", began)):
        print(f"{told}: {seconds_after(at, killed)}")
    print(f"second run: {client.read_flow_run(second).state_name}; slots held at the end: {held()}")
    releases = list_releases(local_lake(folder / "lake"), "ecommerce")
    print(f"releases: {len(releases)}")
    marked = crashed is not None and began is not None
    return 0 if marked and len(releases) == 1 and held() == 0 else 1


def seconds_after(at: datetime | None, began: float) -> str:
    return "never" if at is None else f"{at.timestamp() - began:.0f} s after the kill"


def all_states(client: SyncPrefectClient, run: UUID) -> list[State]:
    return client.read_flow_run_states(run)


def seen(client: SyncPrefectClient, run: UUID) -> set[str | None]:
    return {state.name for state in all_states(client, run)}


def is_final(client: SyncPrefectClient, run: UUID) -> bool:
    state = client.read_flow_run(run).state
    return state is not None and state.is_final()


def heartbeats(client: SyncPrefectClient, run: UUID) -> int:
    wanted = {
        "event": {"name": ["prefect.flow-run.heartbeat"]},
        "resource": {"id": [f"prefect.flow-run.{run}"]},
    }
    return int(client.request("POST", "/events/filter", json={"filter": wanted}).json()["total"])


@contextmanager
def worker(log: Path, env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*PREFECT, "worker", "start", "--pool", "medallion", "--name", log.stem],
            env=env,
            cwd=log.parent,
            stdout=output,
            stderr=output,
        )
        try:
            yield process
        except BaseException:
            sys.stderr.write(log.read_text(errors="replace")[-4000:])
            raise
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                kill_all(process.pid)
                process.wait()


def kill_all(pid: int) -> None:
    """Kill a process and its descendants before any of them can tell of it."""
    found = [pid]
    for each in found:
        os.kill(each, signal.SIGSTOP)
        for task in Path(f"/proc/{each}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    for each in found:
        os.kill(each, signal.SIGKILL)


def wait_for(what: str, come: Callable[[], bool], seconds: float = 900) -> None:
    deadline = time.monotonic() + seconds
    while not come():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited in vain for {what}")
        time.sleep(0.5)


if __name__ == "__main__":
    sys.exit(main())
