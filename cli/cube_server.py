"""The semantic layer on this machine: `make cube` installs Cube and serves gold of every pipeline.

Belongs here: installing what `cube/package-lock.json` names, and the variables that Cube is started
with. Does not belong here: cubes and views (`cube/model/`), or which release a request sees
(`cube/releases.js`).
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from blocks.lake_places import is_url
from blocks.settings import Settings, load_settings
from tasks.child_processes import ROOT
from tasks.contracts.errors import ConfigurationError, MedallionError

PROJECT = ROOT / "cube"
PORT = 4000
LOOPBACK = ("127.0.0.1", "::1", "localhost")
SECRET_LENGTH = 32
SERVER = ("node_modules/@cubejs-backend/server/bin/server", "server")
ADDON_PACKAGE = "@cubejs-backend/native"
ADDON = f"node_modules/{ADDON_PACKAGE}/index.node"
# What holds unless the caller's variables say otherwise.
DEFAULTS = {
    "CUBEJS_CACHE_AND_QUEUE_DRIVER": "memory",
    "CUBEJS_REFRESH_WORKER": "true",  # it builds rollups, which lie in DuckDB
    "CUBEJS_PRE_AGGREGATIONS_BUILDER": "true",
    "CUBEJS_PG_SQL_PORT": "false",  # the SQL API would listen on every interface
    "CUBEJS_TELEMETRY": "false",
    "CUBEJS_TESSERACT_SQL_PLANNER": "false",  # the planner that the tests have seen
}


class CubeError(MedallionError):
    """Cube could not be installed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Install Cube where needed, then become it; the exit status is of what kept it from that."""
    parser = argparse.ArgumentParser(prog="make cube", description=__doc__)
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--env", help="environment; else $MEDALLION_ENV, else local")
    parser.add_argument("--production", action="store_true", help="JWT, whatever the environment")
    given = parser.parse_args(arguments)
    try:
        settings = load_settings(given.env)
        production = given.production or settings.environment != "local"
        variables = cube_variables(settings, os.environ, port=given.port, production=production)
        node = program("node")
        install(PROJECT)
    except MedallionError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_status
    Path(variables["CUBEJS_DB_DUCKDB_DATABASE_PATH"]).parent.mkdir(parents=True, exist_ok=True)
    host = variables["MEDALLION_CUBE_HOST"]
    say(f"Cube at http://{host}:{given.port}/, " + ("for tokens" if production else "open to you"))
    os.chdir(PROJECT)
    os.execve(node, [node, *SERVER], variables)  # noqa: S606 - Cube takes this process's place


def cube_variables(
    settings: Settings, variables: Mapping[str, str], *, port: int, production: bool
) -> dict[str, str]:
    """Return the variables to start Cube with: those of this process, places, and how it serves.

    Raises ConfigurationError where the lake is no folder, where production has nothing to check
    tokens by, and where an open server would be reached from elsewhere.
    """
    roots = settings.places.layer_roots()
    for layer in ("control", "gold", "preaggregations"):
        if is_url(roots[layer]):
            raise ConfigurationError(
                f"lake.{layer}: {roots[layer]} is a bucket, and Cube here reads folders; mount or "
                "mirror it, and name the folder with MEDALLION_LAKE"
            )
    host = variables.get("MEDALLION_CUBE_HOST", LOOPBACK[0])
    if production:
        _check_tokens(variables)
    elif host not in LOOPBACK:
        raise ConfigurationError(
            f"MEDALLION_CUBE_HOST={host}: without tokens Cube serves this machine alone; "
            "ask for them: make cube MODE=production"
        )
    mode = {"NODE_ENV": "production", "CUBEJS_DEV_MODE": "false"}
    return {
        **DEFAULTS,
        **variables,
        **(mode if production else {"CUBEJS_DEV_MODE": "true"}),
        "TZ": "UTC",
        "PORT": str(port),
        "MEDALLION_CUBE_HOST": host,
        "MEDALLION_CONTROL_ROOT": absolute(roots["control"]),
        "MEDALLION_GOLD_ROOT": absolute(roots["gold"]),
        "CUBEJS_DB_DUCKDB_DATABASE_PATH": f"{absolute(roots['preaggregations'])}/cube.duckdb",
    }


def _check_tokens(variables: Mapping[str, str]) -> None:
    if variables.get("CUBEJS_JWK_URL"):
        return
    if len(variables.get("CUBEJS_API_SECRET", "")) < SECRET_LENGTH:
        raise ConfigurationError(
            f"CUBEJS_API_SECRET: give the key of the tokens, {SECRET_LENGTH} characters or more, "
            "or CUBEJS_JWK_URL, where their issuer's public keys are"
        )


def install(project: Path) -> None:
    """Install what Cube needs in `project`, if it is not there yet; raises CubeError.

    No package's installer is run but that of the addon: Cube Store, which would be fetched as a
    program too, is not used.
    """
    install_packages(project)
    if not (project / ADDON).exists():
        npm(project, "rebuild", ADDON_PACKAGE)
    if not (project / ADDON).exists():
        raise CubeError(
            f"the installer of {ADDON_PACKAGE} could not fetch Cube's native addon, and Cube does "
            "not start without it; is its host reachable, and is this system one that it is for?"
        )


def install_packages(project: Path) -> None:
    """Install the locked packages into `project/node_modules`; raises CubeError."""
    if not has_packages(project):
        say("Installing the packages of cube/package-lock.json ...")
        npm(project, "ci", "--ignore-scripts")
        _stamp(project).touch()


def has_packages(project: Path) -> bool:
    """Tell whether the packages of the lock, as it is now, are installed in `project`."""
    return _stamp(project).exists()


def _stamp(project: Path) -> Path:
    lock = hashlib.sha256((project / "package-lock.json").read_bytes()).hexdigest()
    return project / "node_modules" / f".installed-{lock[:16]}"


def npm(project: Path, *words: str) -> None:
    """Run npm in `project`; raises CubeError with the end of what it said."""
    done = subprocess.run(  # noqa: S603 - the machine's own npm
        [program("npm"), *words],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        raise CubeError(f"npm {' '.join(words)} failed:\n{(done.stdout + done.stderr)[-2000:]}")


def program(name: str) -> str:
    """Return where a program of Node.js is; raises ConfigurationError."""
    found = shutil.which(name)
    if found is None:
        raise ConfigurationError(f"{name} was not found: Cube needs Node.js 22 or newer, with npm")
    return found


def absolute(root: str) -> str:
    """Return a folder as Cube, which runs elsewhere, finds it."""
    return str(Path(root).absolute())


def say(text: str) -> None:
    """Tell what goes on; at once, since Cube takes this process's place."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
