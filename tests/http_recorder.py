"""A server on the loopback that keeps what it is sent: a stand-in for a backend.

Belongs here: receiving. Does not belong here: what a request means.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Received:
    """A request: the headers' names are lower case."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Recorder:
    """What was received, and how requests are answered."""

    url: str = ""
    status: int = 200
    requests: list[Received] = field(default_factory=list)

    def bodies(self, path: str) -> list[bytes]:
        return [request.body for request in self.requests if request.path == path]


@contextlib.contextmanager
def recording() -> Iterator[Recorder]:
    """Run a server for as long as the block does."""
    recorder = Recorder()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            recorder.requests.append(Received(self.path, headers, body))
            self.send_response(recorder.status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    recorder.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield recorder
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
