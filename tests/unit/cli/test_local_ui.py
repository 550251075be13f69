"""`make ui`: one a port, no port that is somebody else's, and parts that end in an orderly way.

That it deploys everything and starts a worker is tested with those (`tests/e2e/test_worker.py`).
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli import local_ui
from cli.ended_runs import is_gone
from cli.local_ui import Part, UiError, main, only_one, wait_for, welcome

PROJECT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def own_scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Locks and logs of the test's own, and the signals as they were."""
    monkeypatch.setattr(local_ui, "default_scratch", lambda: tmp_path / "scratch")
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def taken() -> Iterator[int]:
    """A port at which something listens that is no Prefect server."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield int(listening.getsockname()[1])


def started(program: str, log: Path) -> Part:
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", program], stdout=output, stderr=output, start_new_session=True
        )
    return Part("worker", process, log)


def test_a_second_call_says_that_one_runs(capsys: pytest.CaptureFixture[str]) -> None:
    with only_one(4217) as nobody:
        assert nobody is None
        assert main(["--port", "4217"]) == 0
    told = f"make ui serves http://127.0.0.1:4217 already (process {os.getpid()})"
    assert told in capsys.readouterr().out
    with only_one(4217) as nobody:
        assert nobody is None


def test_a_port_that_is_taken_is_named(taken: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--port", str(taken)]) == 2
    said = capsys.readouterr().err
    assert said == (
        f"error: port {taken} is taken by something else; "
        f"choose another: make ui PORT={taken + 1}\n"
    )


def test_a_part_that_ends_by_itself_is_told_with_its_last_words(tmp_path: Path) -> None:
    part = started("print('no such pool'); raise SystemExit(3)", tmp_path / "worker.log")
    part.process.wait()
    with pytest.raises(UiError, match=r"the worker has ended by itself (?s:.*)no such pool"):
        wait_for(lambda: False, [part], threading.Event())


def test_what_does_not_get_ready_is_not_waited_for_forever() -> None:
    with pytest.raises(UiError, match="did not answer within 0 seconds"):
        wait_for(lambda: False, [], threading.Event(), seconds=0)


@pytest.mark.parametrize("deaf", [False, True])
def test_a_part_is_interrupted_and_killed_only_if_it_does_not_listen(
    deaf: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_ui, "STOP_SECONDS", 0.5 if deaf else 30)
    handler = "signal.SIG_IGN" if deaf else "lambda *_: sys.exit(7)"
    program = (
        f"import signal, sys, time; signal.signal(signal.SIGINT, {handler});"
        "print('up', flush=True); time.sleep(60)"
    )
    part = started(program, tmp_path / "worker.log")
    wait_for(lambda: "up" in part.log.read_text(), [part], threading.Event())
    part.stop()
    assert part.process.returncode == (-signal.SIGKILL if deaf else 7)
    part.stop()  # what has ended needs no signal


@pytest.mark.parametrize(
    ("identifier", "gone"),
    [
        ("{dead}", True),
        ("{host}:{dead}", True),
        ("elsewhere:{dead}", False),
        ("{own}", False),
        ("job-1", False),
        ("", False),
        (None, False),
    ],
)
def test_only_a_process_of_this_machine_is_known_to_be_gone(
    identifier: str | None, gone: bool
) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    names = {"dead": ended.pid, "own": os.getpid(), "host": socket.gethostname()}
    assert is_gone(identifier and identifier.format(**names)) is gone


def test_it_says_where_the_interface_is() -> None:
    assert "Prefect's user interface: http://127.0.0.1:4200\n" in welcome(4200)


def test_make_sets_up_first_and_hands_the_port_over() -> None:
    dry = ["make", "--dry-run", "--always-make", "--no-print-directory", "ui", "PORT=4310"]
    # As if called by hand, also where make runs the tests.
    kept = {name: text for name, text in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(dry, cwd=PROJECT, env=kept, capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith(".venv/bin/python -m cli.local_ui --port 4310")
    assert "Installing the packages" in done.stdout
