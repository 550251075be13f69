"""The Prefect API that a command brings along, as the process that serves it.

Belongs here: serving it on a port of the loopback. Does not belong here: starting this process or
choosing its settings (`prefect_api.py`).
"""

from __future__ import annotations

import gc
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from tasks.child_processes import end_with_parent
from tasks.quick_imports import no_garbage

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Any, Send], Awaitable[None]]

UNAVAILABLE = 503
RECENT_SECONDS = 10
STOP_SECONDS = 5
FIRST_WAIT, LONGEST_WAIT = 0.2, 5.0
COLLECT_SECONDS, FULL_EVERY = 1.0, 60


def main() -> None:
    """Serve until a signal ends it, which lets it write what it holds."""
    port, parent = map(int, sys.argv[1:])
    end_with_parent(signal.SIGTERM, parent)
    with no_garbage():
        import uvicorn  # noqa: PLC0415 - a second or two
        from prefect.server.api.server import create_app  # noqa: PLC0415

        application = prompt_retries(create_app())
    collect_aside()
    uvicorn.run(
        application,
        host="127.0.0.1",
        port=port,
        log_level="error",
        timeout_graceful_shutdown=STOP_SECONDS,  # a browser keeps its connections open
    )


def collect_aside(seconds: float = COLLECT_SECONDS) -> None:
    """Collect this process's garbage in a thread of its own, `seconds` apart, for good.

    Cursors of SQLite lie in that garbage. To free one, its connection's lock is needed, which
    another thread has while it waits for the database, for up to a minute. A collection in the
    thread that answers requests would make all of them wait for it, and with them whoever has the
    database, so that the minute passes in vain and ends in "database is locked".
    """
    gc.disable()

    def collect() -> None:
        rounds = 0
        while True:
            time.sleep(seconds)
            if gc.get_count()[0] > gc.get_threshold()[0]:
                rounds += 1
                gc.collect(1 if rounds % FULL_EVERY else 2)

    threading.Thread(target=collect, name="garbage", daemon=True).start()


def prompt_retries(
    application: Application, clock: Callable[[], float] = time.monotonic
) -> Application:
    """Ask clients to repeat soon what another writer of the database kept from happening.

    By themselves they wait two seconds, then four and so on, for what takes milliseconds.
    """
    refusals: list[float] = []

    def wait() -> float:
        now = clock()
        refusals[:] = [*(then for then in refusals if now - then < RECENT_SECONDS), now]
        return min(FIRST_WAIT * (1 << (len(refusals) - 1)), LONGEST_WAIT)

    async def answer(scope: Message, receive: Any, send: Send) -> None:
        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == UNAVAILABLE:
                header = (b"retry-after", f"{wait():.1f}".encode())
                message = {**message, "headers": [*message["headers"], header]}
            await send(message)

        await application(scope, receive, send_on)

    return answer


if __name__ == "__main__":
    main()
