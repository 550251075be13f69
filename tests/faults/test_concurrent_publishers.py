"""Publishers at the same time: one wins each round, the others are told, history stays linear."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from threading import Barrier

import pytest

from blocks.lake import Lake, local_lake
from tasks.contracts.errors import PublishConflictError
from tasks.contracts.release import Release
from tasks.releases import Current, list_releases, next_number, publish, read_current, read_release

ROOT = Path(__file__).parents[2]
ROUNDS, PUBLISHERS = 25, 3


def release_of(base: Current, run_id: str) -> Release:
    return Release(
        pipeline="shop",
        release=next_number(base),
        previous=base.release,
        run_id=run_id,
        run_date=date(2024, 1, 14),
        created_at=datetime(2024, 1, 15, tzinfo=UTC),
        spec_fingerprint="0",
        tables={},
    )


def assert_linear(lake: Lake, run_ids: list[str]) -> None:
    """The history is the winners', one after the other."""
    history = list_releases(lake, "shop")
    assert [release.release for release in history] == list(range(1, len(run_ids) + 1))
    assert [release.previous for release in history] == [None, *range(1, len(run_ids))]
    assert [release.run_id for release in history] == run_ids
    assert read_release(lake, "shop").run_id == run_ids[-1]


def test_of_threads_that_began_on_one_release_one_publishes(tmp_path: Path) -> None:
    lake = local_lake(tmp_path)
    barrier = Barrier(PUBLISHERS)

    def compete(run_id: str, base: Current) -> bool:
        barrier.wait()
        try:
            publish(lake, release_of(base, run_id), base)
        except PublishConflictError as error:
            assert f"release {next_number(base)} was published meanwhile" in str(error)
            return False
        return True

    winners = []
    with ThreadPoolExecutor(PUBLISHERS) as pool:
        for number in range(ROUNDS):
            base = read_current(lake, "shop")
            names = [f"{number}-{name}" for name in range(PUBLISHERS)]
            won = list(pool.map(compete, names, [base] * PUBLISHERS))
            assert sum(won) == 1
            winners.append(names[won.index(True)])
    assert_linear(lake, winners)


PUBLISH_OFTEN = """
import sys
from pathlib import Path
from blocks.lake import local_lake
from tasks.contracts.errors import PublishConflictError
from tasks.releases import publish, read_current
from tests.faults.test_concurrent_publishers import release_of

lake, name = local_lake(Path(sys.argv[1])), sys.argv[2]
print("ready", flush=True)
sys.stdin.readline()
for attempt in range(50):
    base = read_current(lake, "shop")
    run_id = f"{name}-{attempt}"
    try:
        publish(lake, release_of(base, run_id), base)
    except PublishConflictError:
        print("lost", run_id)
    else:
        print("won", run_id)
"""


def test_processes_lose_no_release_that_was_acknowledged(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PUBLISH_OFTEN, tmp_path, name],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("a", "b")
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    outputs = [process.communicate(timeout=60)[0].split() for process in processes]
    assert all(process.returncode == 0 for process in processes)
    results = [dict(zip(words[1::2], words[::2], strict=True)) for words in outputs]
    history = [release.run_id for release in list_releases(local_lake(tmp_path), "shop")]
    for result in results:
        assert len(result) == 50
        won = [run_id for run_id, word in result.items() if word == "won"]
        assert [run_id for run_id in history if run_id in result] == won
    assert_linear(local_lake(tmp_path), history)


def test_the_loser_leaves_the_winners_document_as_it_is(tmp_path: Path) -> None:
    lake = local_lake(tmp_path)
    base = read_current(lake, "shop")
    publish(lake, release_of(base, "first"), base)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*.json")}
    with pytest.raises(PublishConflictError, match="this run began on none"):
        publish(lake, release_of(base, "second"), base)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*.json")} == before
