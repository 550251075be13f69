"""A Cube that really runs, and how it is asked.

Belongs here: installing the packages once a machine, starting and ending Cube, tokens, REST and
GraphQL. Does not belong here: expectations.

The native addon is the one part that is not real: see `native_stand_in.js`.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import hashlib
import hmac
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from blocks.settings import load_settings
from cli.cube_server import (
    PROJECT,
    SERVER,
    CubeError,
    cube_variables,
    has_packages,
    install_packages,
    served_roots,
)
from cli.local_ui import is_taken

STAND_IN = Path(__file__).parent / "native_stand_in.js"
SECRET = "a key that only the tests know, long enough"
START_SECONDS, ANSWER_SECONDS = 120, 120
# A machine without a registry is to find that out soon.
IMPATIENT = {"npm_config_fetch_retries": "1", "npm_config_fetch_timeout": "30000"}


def installed_packages() -> Path:
    """Return `node_modules` of the locked packages; skips the test where they cannot be had.

    They are installed once a machine, beside other caches, and never run an installer.
    """
    for name in ("node", "npm"):
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not installed: Cube cannot be run here")
    if has_packages(PROJECT):
        return PROJECT / "node_modules"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "medallion-flows"
    lock = (PROJECT / "package-lock.json").read_bytes()
    folder = cache / f"cube-{hashlib.sha256(lock).hexdigest()[:16]}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(PROJECT / name, folder)
    except OSError as error:
        pytest.skip(f"Cube's packages cannot be kept here: {error}")
    for name, value in IMPATIENT.items():
        os.environ.setdefault(name, value)
    with (folder / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        try:
            install_packages(folder)
        except CubeError as error:
            pytest.skip(f"Cube's packages cannot be installed here: {str(error).splitlines()[0]}")
    return folder / "node_modules"


def token(claims: Mapping[str, Any], secret: str = SECRET) -> str:
    """A JWT (HS256) that is good for some minutes."""
    parts = [{"alg": "HS256", "typ": "JWT"}, {"exp": int(time.time()) + 900, **claims}]
    signed = b".".join(_encoded(json.dumps(part).encode()) for part in parts)
    signature = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
    return (signed + b"." + _encoded(signature)).decode()


def _encoded(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")


@dataclass(frozen=True)
class Cube:
    """A running Cube; `lake` is the one that it reads."""

    lake: Path
    port: int

    def post(self, path: str, body: Any, claims: Mapping[str, Any] | None = None) -> Any:
        """Ask until there is an answer: Cube's is `Continue wait` while it still computes."""
        headers = {"authorization": token(claims or {})}
        for _ in range(ANSWER_SECONDS * 10):
            answer = requests.post(self.url(path), json=body, headers=headers, timeout=60)
            if "Continue wait" not in answer.text:
                return answer
            time.sleep(0.1)
        raise TimeoutError(f"{path}: no answer")

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/{path}"

    def load(self, query: Mapping[str, Any], claims: Mapping[str, Any] | None = None) -> Any:
        """Ask REST; returns the answer, `{data: [{member: value}], usedPreAggregations: …}`."""
        answer = self.post("cubejs-api/v1/load", {"query": query}, claims)
        assert answer.ok, answer.text
        return answer.json()

    def graphql(self, query: str, claims: Mapping[str, Any] | None = None) -> Any:
        """Ask GraphQL; returns its data."""
        answer = self.post("cubejs-api/graphql", {"query": query}, claims).json()
        assert "errors" not in answer, answer
        return answer["data"]["cube"]


@contextlib.contextmanager
def running_cube(lake: Path, folder: Path, packages: Path) -> Iterator[Cube]:
    """Run the project's Cube in production mode over `lake`, from a copy in `folder`."""
    port = next(number for number in range(4100 + os.getpid() % 400, 5000) if not is_taken(number))
    copied = shutil.copytree(PROJECT, folder / "cube", ignore=lambda *_: {"node_modules"})
    (copied / "node_modules").symlink_to(packages)
    given = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("MEDALLION_", "CUBEJS_"))},
        "CUBEJS_API_SECRET": SECRET,
        "CUBEJS_TRANSPILATION_NATIVE": "false",
        "NODE_OPTIONS": f"--require {STAND_IN}",
        "TZ": "America/Sao_Paulo",  # wherever it runs, days are those of UTC
    }
    settings = load_settings("local", variables={}, lake_root=lake)
    variables = cube_variables(served_roots(settings, None), given, port=port, production=True)
    (lake / "preaggregations").mkdir(exist_ok=True)
    log = folder / "cube.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["node", *SERVER], cwd=copied, env=variables, stdout=output, stderr=output
        )
    try:
        cube = Cube(lake, port)
        for _ in range(START_SECONDS * 5):
            assert process.poll() is None, log.read_text()
            with contextlib.suppress(requests.ConnectionError):
                if requests.get(cube.url("livez"), timeout=10).ok:
                    break
            time.sleep(0.2)
        yield cube
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
