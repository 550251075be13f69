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
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from blocks.lake_places import is_url
from blocks.settings import Settings, load_settings
from tasks.child_processes import ROOT
from tasks.contracts.errors import ConfigurationError, MedallionError
from tasks.specs import known_pipelines

PROJECT = ROOT / "cube"
PORT = 4000
FOLLOW_SECONDS = 5
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
    """Install Cube where needed and serve until it ends; returns the exit status."""
    parser = argparse.ArgumentParser(prog="make cube", description=__doc__)
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--env", help="environment; else $MEDALLION_ENV, else local")
    parser.add_argument("--production", action="store_true", help="JWT, whatever the environment")
    parser.add_argument("--copies", type=Path, help="folder for copies of gold in buckets")
    given = parser.parse_args(arguments)
    try:
        settings = load_settings(given.env)
        production = given.production or settings.environment != "local"
        roots = served_roots(settings, given.copies)
        variables = cube_variables(roots, os.environ, port=given.port, production=production)
        node = program("node")
        install(PROJECT)
        follow = follower(settings, roots)
        Path(roots["preaggregations"]).mkdir(parents=True, exist_ok=True)
        host = variables["MEDALLION_CUBE_HOST"]
        who = "for tokens" if production else "open to you"
        say(f"Cube at http://{host}:{given.port}/, {who}")
        return serve([node, *SERVER], variables, follow)
    except MedallionError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_status


def serve(
    command: Sequence[str], variables: Mapping[str, str], follow: Callable[[], object] | None
) -> int:
    """Run Cube until it ends, or a signal ends it; call `follow` every few seconds meanwhile."""
    process = subprocess.Popen(command, cwd=PROJECT, env=variables)  # noqa: S603 - Cube
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: process.terminate())
    while True:
        try:
            return process.wait(FOLLOW_SECONDS if follow else None)
        except subprocess.TimeoutExpired:
            _followed(follow)


def _followed(follow: Callable[[], object] | None) -> None:
    """Follow the lake; where it cannot be read, what was copied last is served on."""
    try:
        if follow is not None:
            follow()
    except (MedallionError, OSError) as error:
        sys.stderr.write(f"warning: gold could not be copied, and stays as it was: {error}\n")


def served_roots(settings: Settings, copies: Path | None) -> dict[str, str]:
    """Return where Cube finds each layer that it needs: folders, of the lake or of copies.

    Raises ConfigurationError where the lake is in buckets and nobody said where copies go.
    """
    roots = settings.places.layer_roots()
    needed = {layer: roots[layer] for layer in ("control", "gold", "preaggregations")}
    if not any(map(is_url, needed.values())):
        return {layer: absolute(root) for layer, root in needed.items()}
    if copies is None:
        raise ConfigurationError(
            f"lake.control: {roots['control']} is a bucket, and Cube reads folders; name one that "
            "follows it: make cube COPIES=folder"
        )
    found = {"control": copies, "gold": copies / "gold", "preaggregations": copies / "rollups"}
    return {layer: absolute(str(root)) for layer, root in found.items()}


def follower(settings: Settings, roots: Mapping[str, str]) -> Callable[[], object] | None:
    """Copy gold once where the lake is in buckets, and return what copies it again."""
    own = settings.places.layer_roots()
    if all(roots[layer] == absolute(own[layer]) for layer in ("control", "gold")):
        return None
    from cli.gold_copies import copy_gold  # noqa: PLC0415 - stores are slow to import

    lake, folder, pipelines = settings.lake(), Path(roots["control"]), known_pipelines()
    say("Copying gold of the current releases ...")
    copy_gold(lake, folder, pipelines)
    return lambda: copy_gold(lake, folder, pipelines)


def cube_variables(
    roots: Mapping[str, str], variables: Mapping[str, str], *, port: int, production: bool
) -> dict[str, str]:
    """Return the variables to start Cube with: those of this process, places, and how it serves.

    `roots` are those of `served_roots`. Raises ConfigurationError where production has nothing to
    check tokens by, and where an open server would be reached from elsewhere.
    """
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
        "MEDALLION_CONTROL_ROOT": roots["control"],
        "MEDALLION_GOLD_ROOT": roots["gold"],
        "CUBEJS_DB_DUCKDB_DATABASE_PATH": f"{roots['preaggregations']}/cube.duckdb",
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
    """Tell what goes on, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
