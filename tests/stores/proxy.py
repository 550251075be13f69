"""A plain HTTP proxy on the loopback, of which the tests make servers that check or that fail.

Belongs here: passing one request on to one server. Does not belong here: what is done to it.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_OF_ONE_CONNECTION = {"connection", "transfer-encoding", "content-length", "date", "server"}


@dataclass
class Call:
    """A request: `target` is its path with the query."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Reply:
    """What is answered; `length` is what a HEAD tells. If it is `cut`, half of the body comes."""

    status: int
    headers: dict[str, str]
    body: bytes
    length: int | None = None
    cut: bool = False


class Proxy:
    """Passes requests on to `server` (`127.0.0.1:port`); subclasses come between."""

    def __init__(self, server: str) -> None:
        self._server = server

    def answer(self, call: Call) -> Reply | None:
        """Answer a request; None drops the connection without a reply."""
        return self.forward(call)

    def forward(self, call: Call) -> Reply:
        connection = http.client.HTTPConnection(self._server, timeout=60)
        try:
            connection.request(call.method, call.target, call.body or None, call.headers)
            reply = connection.getresponse()
            body = reply.read()
            headers = {
                name: value
                for name, value in reply.getheaders()
                if name.lower() not in _OF_ONE_CONNECTION
            }
            length = reply.getheader("Content-Length")
            return Reply(reply.status, headers, body, int(length) if length else None)
        finally:
            connection.close()

    @contextlib.contextmanager
    def serving(self) -> Iterator[str]:
        """Serve until the end of the `with` block; gives `127.0.0.1:port`."""
        handler = type("Handler", (_Handler,), {"proxy": self})
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            server.daemon_threads = True
            thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
            thread.start()
            yield f"127.0.0.1:{server.server_address[1]}"
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    proxy: Proxy

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        skipped = {"connection", "expect", "content-length"}
        headers = {k: v for k, v in self.headers.items() if k.lower() not in skipped}
        reply = self.proxy.answer(Call(self.command, self.path, headers, body))
        if reply is None:
            self._reset()
            return
        with contextlib.suppress(ConnectionError):  # the client may have given up
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            head = self.command == "HEAD"
            self.send_header("Content-Length", str(reply.length or 0 if head else len(reply.body)))
            self.end_headers()
            if not head:
                self.wfile.write(reply.body[: len(reply.body) // 2] if reply.cut else reply.body)
            self.wfile.flush()
        if reply.cut:
            self._reset()

    def _reset(self) -> None:
        """Let the client see `connection reset by peer`, not a proper end."""
        self.close_connection = True
        at_once = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        self.connection.close()

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_PATCH = _serve  # noqa: N815

    def handle_expect_100(self) -> bool:
        go_on = super().handle_expect_100()
        self.wfile.flush()
        return go_on

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
