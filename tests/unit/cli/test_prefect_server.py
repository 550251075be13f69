"""The API that a command brings along: short waits for clients, and no waiting for garbage."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

from cli.prefect_server import prompt_retries
from tasks.child_processes import ROOT


def headers_of(statuses: list[int], seconds: list[float]) -> list[list[Any]]:
    """The headers of one answer after the other; `seconds` is when each is given."""
    times = iter(seconds)
    left = iter(statuses)

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": next(left), "headers": []})
        await send({"type": "http.response.body", "body": b""})

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> None: ...

    wrapped = prompt_retries(application, clock=lambda: next(times))
    for _ in statuses:
        asyncio.run(wrapped({}, receive, send))
    assert [message["type"] for message in sent[1::2]] == ["http.response.body"] * len(statuses)
    return [message["headers"] for message in sent[::2]]


def test_other_answers_are_left_as_they_are() -> None:
    assert headers_of([200, 404, 500], []) == [[], [], []]


def test_what_could_not_be_written_is_to_be_tried_soon_and_then_less_often() -> None:
    waits = [headers[0] for headers in headers_of([503] * 8, [1, 2, 3, 4, 5, 6, 7, 30])]
    assert {name for name, _ in waits} == {b"retry-after"}
    assert [float(wait) for _, wait in waits] == [0.2, 0.4, 0.8, 1.6, 3.2, 5, 5, 0.2]


# A writer holds the database; another one waits for it, and so holds the lock of its connection,
# to which an unfinished cursor in the garbage belongs.
FREED_WHILE_A_WRITER_WAITS = """
import sqlite3, sys, threading, time, weakref

from cli.prefect_server import collect_aside

collect_aside(seconds=0.05)
holder = sqlite3.connect(sys.argv[1], isolation_level=None)
holder.execute("create table t (x)")
waiter = sqlite3.connect(sys.argv[1], isolation_level=None, check_same_thread=False, timeout=8)
cursor = waiter.execute("values (1), (2)")
cursor.fetchone()
cycle = [cursor]
cycle.append(cycle)
freed = weakref.ref(cursor)
holder.execute("begin immediate")
waits = threading.Thread(target=waiter.execute, args=["begin immediate"])
waits.start()
time.sleep(0.2)
del cycle, cursor
while freed() is not None:
    made = [[] for _ in range(1000)]
    time.sleep(0.01)
holder.execute("commit")
waits.join()
assert waiter.in_transaction
"""


def test_garbage_is_freed_while_a_writer_waits_for_the_one_that_frees_the_database(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-c", FREED_WHILE_A_WRITER_WAITS, str(tmp_path / "some.db")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
