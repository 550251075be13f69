"""The dbt process: parses the project once a specification and builds what it is asked to.

Belongs here: invoking dbt, and answering in JSON lines. Does not belong here: starting this process
and noticing its end (`dbt_process.py`), or what a request means to a run (`dbt_runs.py`).

A line on standard input is a request; lines on standard output are answers to it, the last one
without `node`. It ends with the process that started it, which closes its input or dies.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import yaml
from mashumaro.config import BaseConfig

from tasks.child_processes import end_with_parent
from tasks.quick_imports import no_garbage

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunnerResult
    from dbt.contracts.graph.manifest import Manifest

MOST_THREADS = 2
_KEPT_SECONDS = 30 * 24 * 3600
_EARLIER_VICTIM = "100"


def main() -> None:
    """Serve requests until standard input ends."""
    # Ctrl-C is the parent's to answer: it may have to end a batch first.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent(signal.SIGKILL)
    _volunteer()
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as output:
        # What dbt or a library prints must not stand among the answers.
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        requests: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        listener = threading.Thread(target=_listen, args=(sys.stdin.buffer, requests), daemon=True)
        listener.start()
        with no_garbage():
            # dbt makes code for hundreds of classes, of which a build needs a few.
            BaseConfig.lazy_compilation = True
            import dbt.cli.main  # noqa: F401, PLC0415 - takes seconds; requests arrive meanwhile

            import tasks.dbt_functions  # noqa: F401, PLC0415 - so does this
        serve(iter(requests.get, None), _writer(output))


def serve(requests: Iterable[dict[str, Any]], answer: Callable[[dict[str, Any]], None]) -> None:
    """Answer each request: parse its project if that is new, then build what it selects."""
    manifests: dict[str, Manifest] = {}
    for request in requests:
        number = request["number"]

        def tell(content: dict[str, Any], number: int = number) -> None:
            answer({"number": number, **content})

        try:
            tell(_answer(request, manifests, lambda node: tell({"node": node})))
        except Exception as error:
            tell({"nodes": [], "error": f"dbt: {type(error).__name__}: {error}"})


def _answer(
    request: dict[str, Any],
    manifests: dict[str, Manifest],
    progress: Callable[[str], None],
) -> dict[str, Any]:
    project = request["project"]
    os.environ.update(request.get("secrets") or {})  # a profile on disk only names them
    key = f"{project['folder']}\n{project['fingerprint']}"
    if key not in manifests:
        with no_garbage():
            parsed = _parse(project)
        if not parsed.success:
            return {"nodes": [], "error": f"dbt cannot parse the project: {parsed.exception}"}
        manifests[key] = parsed.result  # type: ignore[assignment]
    if request["build"] is None:
        return {"nodes": [], "error": None}
    result = _build(project, request["build"], manifests[key], progress)
    error = None if result.exception is None else f"dbt: {result.exception}"
    return {"nodes": _nodes(result), "error": error}


def _parse(project: dict[str, Any]) -> dbtRunnerResult:
    """Parse the project; dbt keeps a partial parse, good for as long as these arguments are."""
    cache = Path(project["cache"])
    # No limits here: they are part of what a partial parse depends on.
    elsewhere = project.get("connection")
    _write_profile(cache, elsewhere or {"type": "duckdb", "path": ":memory:", "threads": 1})
    parsed = _invoke(["parse", *_common(project, cache)], project["variables"])
    _clear_up(cache)
    return parsed


def _clear_up(used: Path) -> None:
    """Remove what was parsed of specifications that nobody has run for weeks."""
    os.utime(used)
    for folder in used.parent.iterdir():
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime > _KEPT_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)


def _build(
    project: dict[str, Any],
    build: dict[str, Any],
    manifest: Manifest,
    progress: Callable[[str], None],
) -> dbtRunnerResult:
    from tasks.dbt_functions import hold_key  # noqa: PLC0415 - takes dbt with it

    hold_key(build.get("mask_key"))
    work, threads = Path(build["work"]), min(build["threads"], MOST_THREADS)
    connection = project.get("connection") or {
        "type": "duckdb",
        "path": ":memory:",
        "threads": threads,
        # Not `settings`: those are set anew on each cursor, which DuckDB refuses for a folder that
        # it has begun to spill to.
        "config_options": {
            "memory_limit": build["memory_limit"],
            "threads": build["threads"],
            "temp_directory": str(work / "spill"),
            "preserve_insertion_order": False,
        },
        "settings": {"TimeZone": "UTC"},
        "plugins": [{"module": "tasks.dbt_functions"}],
    }
    _write_profile(work, connection)
    arguments = ["build", *_common(project, work)]
    arguments += ["--threads", str(connection["threads"]), "--indirect-selection", "cautious"]
    arguments += ["--exclude-resource-type", *build["skip"], "--select", *build["select"]]
    if build["exclude"]:
        arguments += ["--exclude", *build["exclude"]]
    return _invoke(arguments, build["variables"], manifest, progress)


def _common(project: dict[str, Any], work: Path) -> list[str]:
    return [
        *("--project-dir", project["folder"]),
        *("--profiles-dir", str(work)),
        *("--target-path", project["cache"]),
        *("--log-path", str(work)),
        *("--log-level", "none", "--log-level-file", "none", "--no-use-colors", "--quiet"),
        *("--no-write-json", "--no-send-anonymous-usage-stats", "--no-version-check"),
    ]


def _write_profile(folder: Path, connection: dict[str, Any]) -> None:
    """Write it whole: another process may be reading the one of the same cache."""
    kind = connection["type"]
    profile = {"medallion": {"target": kind, "outputs": {kind: connection}}}
    folder.mkdir(parents=True, exist_ok=True)
    written = folder / f"profiles.{os.getpid()}.tmp"
    written.write_text(yaml.safe_dump(profile), encoding="utf-8")
    written.replace(folder / "profiles.yml")


def _invoke(
    arguments: list[str],
    variables: dict[str, Any],
    manifest: Manifest | None = None,
    progress: Callable[[str], None] | None = None,
) -> dbtRunnerResult:
    from dbt.cli.main import dbtRunner  # noqa: PLC0415 - dbt takes seconds to import

    def on_event(event: Any) -> None:
        if progress is None or event.info.name != "NodeFinished":
            return
        node = event.data.node_info
        if node.resource_type == "model":
            pipeline = str(node.node_path).partition("/")[0]
            progress(str(node.node_name).removeprefix(f"{pipeline}_"))

    # As a value: it takes dbt long to read what may name thousands of files from a text.
    return dbtRunner(manifest=manifest, callbacks=[on_event]).invoke(arguments, vars=variables)


def _nodes(result: dbtRunnerResult) -> list[dict[str, Any]]:
    """Return the fields of a `dbt_runs.DbtNode` for each result."""
    results = getattr(result.result, "results", None) or []
    return [
        {
            "name": _table_name(entry.node),
            "kind": str(entry.node.resource_type),
            "status": str(entry.status),
            "seconds": float(entry.execution_time),
            "message": str(entry.message or ""),
            "sql": str(getattr(entry.node, "compiled_code", "") or ""),
            "failures": getattr(entry, "failures", None),
            "relation": f"{entry.node.schema}.{getattr(entry.node, 'alias', entry.node.name)}",
        }
        for entry in results
    ]


def _table_name(node: Any) -> str:
    """Name a model or test as its table does.

    dbt wants each name once in a project, so that a name that two pipelines give to tables begins
    with that of the pipeline (see dbt/macros/published.sql).
    """
    return str(node.name).removeprefix(f"{node.fqn[1]}_")


def _listen(source: BinaryIO, requests: queue.SimpleQueue[dict[str, Any]]) -> None:
    """Queue requests; when there can be no more, nobody wants what is being built either."""
    for line in source:
        requests.put(json.loads(line))
    os._exit(0)


def _writer(output: BinaryIO) -> Callable[[dict[str, Any]], None]:
    one_at_a_time = threading.Lock()  # dbt's threads report their models

    def write(content: dict[str, Any]) -> None:
        line = json.dumps(content).encode() + b"\n"
        with one_at_a_time:
            output.write(line)
            output.flush()

    return write


def _volunteer() -> None:
    """When memory runs out, the process that can tell of it should be left."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_EARLIER_VICTIM, encoding="ascii")


if __name__ == "__main__":
    main()
