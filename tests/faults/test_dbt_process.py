"""The dbt process dies, or its parent does: neither leaves the other hanging."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from tasks import dbt_process, dbt_runs
from tasks.contracts.errors import BuildError
from tasks.contracts.spec import Spec
from tasks.dbt_runs import DbtEngine, DbtInputs, build

ROOT = Path(__file__).parents[2]
SPEC = Spec.model_validate(
    {
        "pipeline": "shop",
        "tables": [
            {
                "name": "orders",
                "key": ["order_id"],
                "partition": {"column": "ingest_dt", "kind": "date"},
                "columns": [{"name": "order_id", "type": "string"}],
                "rules": [{"name": "missing_order_id", "not_null": "order_id"}],
            }
        ],
    }
)
FILES = {
    "dbt_project.yml": """
        name: medallion
        profile: medallion
        config-version: 2
        vars: {run: {}}
        models: {+materialized: table}
        """,
    "models/quick.sql": "select 1 as id",
    "models/loud.py": """
        def model(dbt, session):
            print("noise")
            return session.sql("select 2 as id")
        """,
    "models/slow.sql": """
        select sum(a.range * b.range + id) as n
        from {{ ref('quick') }}, range(4000000) a, range(50000) b
        """,
}


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DbtEngine:
    for name, text in FILES.items():
        path = tmp_path / "project" / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(textwrap.dedent(text))
    monkeypatch.setattr(dbt_runs, "PROJECT_FOLDER", tmp_path / "project")
    return DbtEngine(tmp_path / "cache", tmp_path / "work", 1, "500MB")


def built(
    engine: DbtEngine, *select: str, progress: Callable[[str], None] | None = None
) -> list[str]:
    """Build models; return their names."""
    nodes = build(
        engine,
        SPEC,
        DbtInputs({}, {}),
        run_id="r",
        run_date=date(2024, 1, 14),
        select=select,
        progress=progress,
    )
    return [node.name for node in nodes]


def own_pid() -> int:
    pid = dbt_process.current_process().pid
    assert pid is not None
    return pid


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_builds_share_one_process(engine: DbtEngine) -> None:
    built(engine, "quick")
    pid = own_pid()
    built(engine, "quick")
    assert own_pid() == pid


def test_a_process_that_is_killed_fails_the_build_and_the_next_one_has_a_new_one(
    engine: DbtEngine,
) -> None:
    pid = own_pid()
    with pytest.raises(BuildError) as caught:
        built(engine, "quick", "slow", progress=lambda _: os.kill(pid, signal.SIGKILL))
    assert str(caught.value) == (
        "dbt: building quick, slow: its process was ended by SIGKILL; the system does that when "
        "memory runs out: give DuckDB less than 500MB (memory_limit, MEDALLION_MEMORY_LIMIT), "
        "or the machine more"
    )
    assert built(engine, "quick") == ["quick"]
    assert own_pid() != pid


def test_how_a_process_ended_is_told() -> None:
    assert str(dbt_process._died(-signal.SIGSEGV)) == "was ended by SIGSEGV"
    assert str(dbt_process._died(-63)) == "was ended by signal 63"
    assert str(dbt_process._died(1)) == "ended with exit status 1"
    assert not dbt_process._died(-signal.SIGTERM).killed


def test_one_that_died_between_two_builds_is_not_missed(engine: DbtEngine) -> None:
    built(engine, "quick")
    process = dbt_process.current_process()
    os.kill(own_pid(), signal.SIGKILL)
    process._over.wait(10)
    assert built(engine, "quick") == ["quick"]


def test_a_process_that_cannot_start_fails_the_build(
    engine: DbtEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for command, told in (
        ([str(ROOT / "no-such-python")], "could not be started: .*no-such-python'"),
        ([sys.executable, "-c", "exit(3)"], "ended with exit status 3"),
    ):
        dbt_process.end_current_process()
        with monkeypatch.context() as patch:
            patch.setattr(dbt_process, "module_command", lambda _, command=command: command)
            with pytest.raises(BuildError, match=rf"^dbt: building quick: its process {told}$"):
                built(engine, "quick")


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let Ctrl-C reach this process: where tests run side by side their processes ignore it."""
    ignored = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, ignored)


def test_a_build_that_is_interrupted_ends_its_process(
    engine: DbtEngine, interruptible: None
) -> None:
    def interrupt(_: str) -> None:
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()

    pid = own_pid()
    with pytest.raises(KeyboardInterrupt):
        built(engine, "quick", "slow", progress=interrupt)
    assert not is_alive(pid)


PARENT = """
import json, sys
from pathlib import Path
from tasks import dbt_runs
from tests.faults.test_dbt_process import built, own_pid
from tasks.dbt_runs import DbtEngine

folder, *select = Path(sys.argv[1]), *sys.argv[2:]
dbt_runs.PROJECT_FOLDER = folder / "project"
def tell(**content):
    print(json.dumps(content), flush=True)
tell(pid=own_pid())
engine = DbtEngine(folder / "cache", folder / "work", 1, "500MB")
tell(built=built(engine, *select, progress=lambda name: tell(done=name)))
"""


def start_parent(folder: Path, *select: str) -> subprocess.Popen[str]:
    """Build in a process of its own, in a folder with a module that must not be found."""
    (folder / "yaml.py").write_text("raise SystemExit('a module of the folder was imported')")
    return subprocess.Popen(
        [sys.executable, "-P", "-c", PARENT, str(folder), *select],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_nothing_but_the_parent_s_own_words_is_on_its_standard_output(
    engine: DbtEngine, tmp_path: Path
) -> None:
    parent = start_parent(tmp_path, "loud")
    output, errors = parent.communicate(timeout=60)
    assert parent.returncode == 0, errors
    first, *others = [json.loads(line) for line in output.splitlines()]
    assert others == [{"done": "loud"}, {"built": ["loud"]}]
    assert "noise" in errors
    assert not is_alive(first["pid"])


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")
@pytest.mark.parametrize("lines", [0, 1], ids=["importing", "building"])
def test_it_dies_with_a_parent_that_is_killed(
    engine: DbtEngine, tmp_path: Path, lines: int
) -> None:
    parent = start_parent(tmp_path, "quick", "slow")
    assert parent.stdout is not None
    pid = json.loads(parent.stdout.readline())["pid"]
    for _ in range(lines):
        assert json.loads(parent.stdout.readline()) == {"done": "quick"}
    assert is_alive(pid)
    parent.kill()
    _, errors = parent.communicate()
    deadline = time.monotonic() + 5
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(pid)
    assert "leaked semaphore" not in errors
