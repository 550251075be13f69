"""Servers on the loopback that speak the protocols of S3 and GCS.

Belongs here: starting them, and their buckets. Does not belong here: what is tried on them.

S3 is moto's server. GCS is gcp-storage-emulator, which ignores every `ifGenerationMatch`, answers
one request at a time and says little of what is missing: `CheckingProxy` stands before it and does
what Google's server does there. That the real servers behave as these do is not shown by tests.
"""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import re
import threading
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from tests.stores.proxy import Call, Proxy, Reply

_OBJECT = re.compile(r"(/download)?/storage/v1/b/(?P<bucket>[^/]+)/o/(?P<name>[^/?]+)")
_UPLOAD = re.compile(r"/upload/storage/v1/b/(?P<bucket>[^/]+)/o")
_BUCKET = re.compile(r"(/upload|/download)?/storage/v1/b/(?P<bucket>[^/]+)/o")


class CheckingProxy(Proxy):
    """A stand-in for the part of GCS that its emulator lacks; it is no server of Google's.

    It compares `ifGenerationMatch` with the generation of the object, one request at a time, tells
    a download's generation, and says of a missing bucket what Google says.
    """

    def __init__(self, server: str) -> None:
        super().__init__(server)
        self._one_at_a_time = threading.Lock()
        self._sessions: dict[str, tuple[str, str]] = {}

    def answer(self, call: Call) -> Reply | None:
        with self._one_at_a_time:
            return self._checked(call)

    def _checked(self, call: Call) -> Reply:
        place = urlsplit(call.target)
        in_bucket = _BUCKET.match(place.path)
        if in_bucket and self._get(f"/storage/v1/b/{in_bucket['bucket']}") is None:
            return _error(404, "The specified bucket does not exist.")
        wanted = parse_qs(place.query).get("ifGenerationMatch")
        reading = call.method == "GET" and "alt=media" in place.query
        generation = None
        if wanted is not None or reading:
            bucket, name = self._object_of(call, place.path, place.query)
            about = self._get(f"/storage/v1/b/{bucket}/o/{quote(name, safe='')}")
            generation = "0" if about is None else about["generation"]
            if wanted is not None and wanted != [generation]:
                return _error(412, "At least one of the pre-conditions you specified did not hold.")
        reply = self.forward(call)
        if reading and generation is not None:
            reply.headers["X-Goog-Generation"] = generation
        if reply.status >= 400 and not reply.body:
            return _error(reply.status, "No such object")
        return reply

    def _object_of(self, call: Call, path: str, query: str) -> tuple[str, str]:
        upload = _UPLOAD.fullmatch(path)
        if upload is None:
            found = _OBJECT.fullmatch(path)
            assert found is not None, call.target
            return found["bucket"], unquote(found["name"])
        named = parse_qs(query).get("name")
        if named is None:
            # The first part of a multipart upload, or all of the beginning of a resumable one.
            found = re.search(rb'\{.*?"name": "(.*?)".*?\}', call.body)
            assert found is not None, call.body[:500]
            named = [json.loads(b'"' + found[1] + b'"')]
        return upload["bucket"], named[0]

    def _get(self, target: str) -> dict | None:
        reply = self.forward(Call("GET", target, {}, b""))
        return json.loads(reply.body) if reply.status == 200 else None


def _error(status: int, message: str) -> Reply:
    content = {"error": {"code": status, "message": message, "errors": []}}
    return Reply(status, {"Content-Type": "application/json"}, json.dumps(content).encode())


@contextlib.contextmanager
def s3_server() -> Iterator[str]:
    """Serve S3; gives `127.0.0.1:port`."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"{host}:{port}"
    finally:
        server.stop()


@contextlib.contextmanager
def gcs_server() -> Iterator[str]:
    """Serve GCS; gives `127.0.0.1:port`."""
    from gcp_storage_emulator.server import RequestHandler, create_server

    # Replies in one piece: in two, each of them waits 40 ms for the client's kernel.
    RequestHandler.wbufsize = -1
    RequestHandler.disable_nagle_algorithm = True
    logging.getLogger("gcp_storage_emulator").setLevel(logging.CRITICAL)
    for name in ("api", "api.object", "api.bucket"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with create_server("127.0.0.1", 0, in_memory=True) as server:
        host, port = server._api._httpd.server_address[:2]
        with CheckingProxy(f"{host}:{port}").serving() as address:
            yield address


def make_s3_bucket(server: str, name: str) -> None:
    s3_client(server).create_bucket(Bucket=name)


@functools.lru_cache
def s3_client(server: str) -> Any:
    import boto3

    keys = {"aws_access_key_id": "any", "aws_secret_access_key": "any", "region_name": "us-east-1"}
    return boto3.session.Session().client("s3", endpoint_url=f"http://{server}", **keys)


def make_gcs_bucket(server: str, name: str) -> None:
    request = urllib.request.Request(
        f"http://{server}/storage/v1/b?project=none",
        json.dumps({"name": name}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request):
        pass
