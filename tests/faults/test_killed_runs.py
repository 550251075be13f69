"""A run that dies at any moment costs nothing but its own work."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from tests.faults.whole_release import assert_whole, pointer_bytes
from tests.integration.published import content
from tests.integration.same_content import content_differences

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc"),
]

ROOT = Path(__file__).parents[2]
DAY = date(2024, 1, 6)


@pytest.fixture
def start_run(
    small_bronze: Path, own_lake: Path, strangers_variables: dict[str, str]
) -> Iterator[Callable[[], subprocess.Popen]]:
    """Start `medallion run` as a process of its own, in a session of its own."""
    started = []

    def start() -> subprocess.Popen:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "cli.app", "run", "ecommerce"),
                *("--bronze", small_bronze, "--run-date", DAY.isoformat(), "--lake", own_lake),
            ],
            cwd=ROOT,
            env={**strangers_variables, "MEDALLION_GATES": "warn"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def wait_for_stage(process: subprocess.Popen, lake: Path, stage: str) -> None:
    """Return as soon as the log of `lake` says that the stage has begun."""
    log = lake / "ecommerce" / "logs" / "runs.jsonl"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[0].decode()
        lines = log.read_text().splitlines(keepends=True) if log.exists() else []
        records = [json.loads(line) for line in lines if line.endswith("\n")]
        if any(r.get("stage") == stage and "status" not in r for r in records):
            return
        time.sleep(0.005)
    pytest.fail(f"the stage {stage} did not begin")


def descendants(pid: int) -> set[int]:
    """The processes that `pid` has started, and theirs."""
    found: set[int] = set()
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in thread.read_text().split():
            found |= {int(child)} | descendants(int(child))
    return found


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


@pytest.mark.parametrize("stage", ["dimensions", "silver", "gold"])
def test_a_run_killed_in_a_stage_leaves_the_release_before_it(
    run_flow: Callable, start_run: Callable, small_bronze: Path, own_lake: Path, stage: str
) -> None:
    before, pointer = content(own_lake), pointer_bytes(own_lake)
    process = start_run()
    wait_for_stage(process, own_lake, stage)
    children = descendants(process.pid)
    assert children, "the run has brought its own Prefect API"
    process.send_signal(signal.SIGKILL)
    process.wait()

    assert pointer_bytes(own_lake) == pointer
    assert_whole(own_lake, 1)
    assert content_differences(before, content(own_lake)) == []
    deadline = time.monotonic() + 15
    while any(map(is_alive, children)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(is_alive, children)), "the API outlives the run that started it"

    outcome = run_flow(own_lake, DAY, bronze=small_bronze)
    assert outcome.record.release == 2
    assert_whole(own_lake, 2)
    assert content_differences(before, content(own_lake)) == []


DIE_WHILE_PUBLISHING = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from blocks.lake import local_lake
from blocks.stores.local import LocalStore
from tasks.releases import next_number, publish, read_current, read_release

moment, lake = sys.argv[1], local_lake(Path(sys.argv[2]))

class DyingStore(LocalStore):
    def swap(self, key, content, *, expected):
        if moment == "before the document" or (
            moment == "before the swap" and key.endswith("_latest.json")
        ):
            os.kill(os.getpid(), signal.SIGKILL)
        LocalStore(self.root).swap(key, content, expected=expected)
        if key.endswith("_latest.json"):
            os.kill(os.getpid(), signal.SIGKILL)

object.__setattr__(lake, "control", DyingStore(Path(sys.argv[2])))
base, current = read_current(lake, "ecommerce"), read_release(lake, "ecommerce")
tables = {name: table for name, table in current.tables.items() if name.startswith("gold.")}
changed = {"release": next_number(base), "previous": base.release, "tables": tables}
publish(lake, current.model_copy(update=changed), base)
"""


@pytest.mark.parametrize(
    ("moment", "shown"),
    [("before the document", 1), ("before the swap", 1), ("after the swap", 2)],
)
def test_a_publisher_killed_at_the_swap_shows_the_old_release_or_the_new_one(
    run_flow: Callable, small_bronze: Path, own_lake: Path, moment: str, shown: int
) -> None:
    before = content(own_lake)
    died = subprocess.run(
        [sys.executable, "-c", DIE_WHILE_PUBLISHING, moment, own_lake],
        cwd=ROOT,
        check=False,
        capture_output=True,
    )
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    assert_whole(own_lake, shown)
    left = {name: rows for name, rows in before.items() if shown == 1 or name.startswith("gold.")}
    assert content_differences(left, content(own_lake)) == []
    outcome = run_flow(own_lake, DAY, bronze=small_bronze)
    assert outcome.record.release == shown + 1
    assert_whole(own_lake, shown + 1)
    assert content_differences(before, content(own_lake)) == []
