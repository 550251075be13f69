"""Real catalog servers on the loopback: Postgres, and the REST catalog that Iceberg itself ships.

Belongs here: finding and starting them. Does not belong here: what is tried on them.

The REST server is `org.apache.iceberg:iceberg-open-api`, the runnable jar of Iceberg's own tests,
fetched with Maven. It gives tokens to anybody and asks nobody for one: `Guard` stands before it and
does what a server with OAuth2 does there. That Apache Polaris behaves as they do is not shown.
"""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from cli.prefect_api import free_port
from tests.stores.proxy import Call, Proxy, Reply

GROUP, ARTIFACT, VERSION = "org.apache.iceberg", "iceberg-open-api", "1.10.0"
CLIENT_ID, CLIENT_SECRET = "the-client", "canary-of-the-client-secret"
PASSWORD = "canary-of-the-catalog-password"
_NOBODY = 65534
_TOKENS = "/v1/oauth/tokens"


class Guard(Proxy):
    """A stand-in for a server's OAuth2: client credentials in, a token out, and nothing without."""

    def __init__(self, server: str) -> None:
        super().__init__(server)
        self.tokens: set[str] = set()
        self.scopes: list[str] = []

    def answer(self, call: Call) -> Reply | None:
        if urlsplit(call.target).path == _TOKENS:
            return self._token(call)
        bearer = call.headers.get("Authorization", "").removeprefix("Bearer ")
        if bearer not in self.tokens:
            return _refusal("NotAuthorizedException", "who are you?")
        return self.forward(call)

    def _token(self, call: Call) -> Reply:
        told = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        form = parse_qs(call.body.decode())
        known = call.headers.get("Authorization") == f"Basic {told}"
        if not known or form.get("grant_type") != ["client_credentials"]:
            return _refusal("invalid_client", "unknown client")
        token = secrets.token_urlsafe(16)
        self.tokens.add(token)
        self.scopes += form.get("scope", [])
        body = f'{{"access_token": "{token}", "token_type": "bearer", "expires_in": 3600}}'
        return Reply(200, {"Content-Type": "application/json"}, body.encode())


def _refusal(kind: str, text: str) -> Reply:
    body = f'{{"error": {{"message": "{text}", "type": "{kind}", "code": 401}}}}'
    return Reply(401, {"Content-Type": "application/json"}, body.encode())


@contextlib.contextmanager
def rest_server(folder: Path) -> Iterator[str]:
    """Serve Iceberg's REST protocol, without asking who it is; gives `127.0.0.1:port`."""
    jar, port = _jar(), free_port()
    # It binds all addresses and has no setting for that; it lives for seconds.
    variables = {
        "CATALOG_URI": f"jdbc:sqlite:{folder}/rest.db?busy_timeout=30000&journal_mode=WAL",
        "CATALOG_WAREHOUSE": str(folder / "warehouse"),
        "CATALOG_REST_PORT": str(port),
    }
    command = ["java", "-XX:TieredStopAtLevel=1", "-Xmx512m", "-jar", str(jar)]
    with (folder / "rest.log").open("wb") as log:
        process = subprocess.Popen(
            command, env=os.environ | variables, stdout=log, stderr=log, start_new_session=True
        )
        try:
            _wait(lambda: _answers(f"http://127.0.0.1:{port}/v1/config"), process)
            yield f"127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait()


@contextlib.contextmanager
def postgres_server() -> Iterator[int]:
    """Serve Postgres with a database `iceberg` of a user `medallion`; gives the port."""
    initdb, postgres, port = (
        _postgres_program("initdb"),
        _postgres_program("postgres"),
        free_port(),
    )
    # pytest's own folders are root's alone, and Postgres refuses to be root's.
    with tempfile.TemporaryDirectory(prefix="catalog-", ignore_cleanup_errors=True) as folder:
        home, as_user = Path(folder), _without_root(Path(folder))
        secret = home / "password"
        secret.write_text(PASSWORD)
        options = ["-U", "medallion", "-A", "scram-sha-256", f"--pwfile={secret}", "--no-sync"]
        subprocess.run(
            [*as_user, initdb, "-D", home / "data", *options, "-E", "UTF8", "--locale=C"],
            check=True,
            capture_output=True,
            cwd=home,
        )
        sockets = ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={home}"]
        process = subprocess.Popen(
            [*as_user, postgres, "-D", home / "data", "-p", str(port), "-F", *sockets],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=home,
        )
        try:
            _wait(lambda: _made(port), process)
            yield port
        finally:
            process.terminate()
            process.wait()


def _without_root(home: Path) -> list[str]:
    """Return what runs a command as nobody, if this process is root's, and give `home` away."""
    if os.getuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("Postgres does not run as root, and there is no setpriv")
    os.chown(home, _NOBODY, _NOBODY)
    return ["setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"]


def _made(port: int) -> bool:
    import psycopg

    place = f"host=127.0.0.1 port={port} user=medallion password={PASSWORD} dbname=postgres"
    try:
        with psycopg.connect(place, autocommit=True) as connection:
            connection.execute("create database iceberg")
    except psycopg.OperationalError:
        return False
    return True


def _postgres_program(name: str) -> Path:
    places = [Path(found)] if (found := shutil.which(name)) else []
    places += sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    if not places:
        pytest.skip(f"no Postgres server on this machine ({name} is not installed)")
    return places[0]


def maven_jar(group: str, artifact: str, version: str) -> Path:
    """Return a jar of Maven Central, fetched once with Maven; skips where there is no Maven."""
    folder = Path.home() / ".m2" / "repository" / Path(*group.split(".")) / artifact / version
    jar = folder / f"{artifact}-{version}.jar"
    if shutil.which("java") is None:
        pytest.skip("no Java on this machine")
    if not jar.is_file():
        if shutil.which("mvn") is None:
            pytest.skip(f"{jar.name} is not there, and no Maven to fetch it")
        named = f"-Dartifact={group}:{artifact}:{version}"
        command = ["mvn", "-q", "-B", "dependency:get", named, "-Dtransitive=false"]
        subprocess.run(command, capture_output=True, timeout=300, check=False)
        if not jar.is_file():
            pytest.skip(f"{jar.name} could not be fetched from Maven Central")
    return jar


def _jar() -> Path:
    return maven_jar(GROUP, ARTIFACT, VERSION)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False


def _wait(ready, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        if ready():
            return
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}")
        time.sleep(0.1)
    raise TimeoutError("the server did not come up")
