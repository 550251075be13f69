"""The API that a command brings along asks for short waits where Prefect's clients wait long."""

from __future__ import annotations

import asyncio
from typing import Any

from cli.prefect_server import prompt_retries


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
