"""Running the dbt project on DuckDB, in this process.

Belongs here: parsing once, invoking dbt with a run's variables, and turning its results into ours.
Does not belong here: what the models compute (`dbt/`), or which ones a layer needs (`silver.py`,
`gold.py`, `dimensions.py`).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tasks.contracts.errors import BuildError
from tasks.contracts.spec import AUDIT_COLUMNS, Spec
from tasks.specs import spec_fingerprint

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunnerResult
    from dbt.contracts.graph.manifest import Manifest

PROJECT_FOLDER = Path(__file__).parent.parent / "dbt"

# dbt keeps flags and connections in globals of the process: one invocation at a time.
_DBT = threading.Lock()
_MANIFESTS: dict[str, Manifest] = {}


@dataclass(frozen=True)
class DbtInputs:
    """What one invocation reads and writes.

    `selects`: {"silver.orders": queries to be united}; `types`: physical types of bronze columns;
    `outputs`: {"silver.orders": folder}; `partitions`: {"silver.orders": SQL expression};
    `more`: further keys of the variable `run` (see dbt/macros/run_inputs.sql).
    """

    selects: Mapping[str, Sequence[str]]
    outputs: Mapping[str, Path]
    types: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    partitions: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DbtNode:
    """The result of a model or data test."""

    name: str
    kind: str
    status: str
    seconds: float
    message: str
    sql: str
    failures: int | None

    @property
    def is_broken(self) -> bool:
        return self.status in {"error", "fail", "runtime error", "skipped"}


@dataclass(frozen=True)
class DbtEngine:
    """The limits of the DuckDB that dbt runs on, and where dbt may write its own files."""

    cache: Path
    work: Path
    threads: int
    memory_limit: str


def build(
    engine: DbtEngine,
    spec: Spec,
    inputs: DbtInputs,
    *,
    run_id: str,
    run_date: date,
    select: Sequence[str],
    exclude: Sequence[str] = (),
    data_tests: bool = True,
    progress: Callable[[str], None] | None = None,
) -> list[DbtNode]:
    """Build the selected models and run their `data_tests`, if asked for; return a node each.

    Raises BuildError naming each broken model or test, its message and its SQL.
    """
    variables = {
        "run_id": run_id,
        "run_date": run_date.isoformat(),
        "tables": dbt_tables(spec),
        "inputs": {
            name: {"selects": list(queries), "types": dict(inputs.types.get(name, {}))}
            for name, queries in inputs.selects.items()
        },
        "outputs": {name: str(folder) for name, folder in inputs.outputs.items()},
        "partitions": dict(inputs.partitions),
        **inputs.more,
    }
    for folder in inputs.outputs.values():
        folder.mkdir(parents=True, exist_ok=True)
    arguments = ["build", *_common(engine), "--vars", json.dumps({"run": variables})]
    arguments += ["--threads", str(min(engine.threads, 2)), "--indirect-selection", "cautious"]
    skipped = ["unit_test"] if data_tests else ["unit_test", "test"]
    arguments += ["--exclude-resource-type", *skipped, "--select", *select]
    if exclude:
        arguments += ["--exclude", *exclude]
    with _DBT:
        result = _invoke(arguments, _manifest(engine, spec), progress)
    nodes = _nodes(result)
    broken = [node for node in nodes if node.is_broken]
    if broken:
        raise BuildError(_broken_nodes(broken))
    if result.exception is not None:
        raise BuildError(f"dbt: {result.exception}")
    return nodes


def warm_up(engine: DbtEngine, spec: Spec) -> None:
    """Import dbt and parse the project before the first build needs it."""
    with _DBT:
        _manifest(engine, spec)


def dbt_tables(spec: Spec) -> dict[str, Any]:
    """Return the tables as the silver macros read them: audit columns stand among the others."""
    audit = [
        {
            "name": name,
            "type": "string",
            "becomes": "timestamp" if name == "ingestion_ts" else None,
            "lower": False,
        }
        for name in AUDIT_COLUMNS
    ]
    tables = {}
    for table in spec.tables:
        entry = table.model_dump(mode="json", exclude={"description", "gates"})
        if table.landing == "rows":
            entry["columns"] = [*entry["columns"], *audit]
        tables[table.name] = entry
    return tables


def _manifest(engine: DbtEngine, spec: Spec) -> Manifest:
    """Parse the project, once a process and specification; dbt keeps a partial parse on disk."""
    fingerprint = spec_fingerprint(spec)
    if fingerprint not in _MANIFESTS:
        _write_profile(engine)
        variables = json.dumps({"run": {"tables": dbt_tables(spec)}})
        result = _invoke(["parse", *_common(engine), "--vars", variables], None, None)
        if not result.success:
            raise BuildError(f"dbt cannot parse the project: {result.exception}")
        _MANIFESTS[fingerprint] = result.result  # type: ignore[assignment]
    _write_profile(engine)
    return _MANIFESTS[fingerprint]


def _common(engine: DbtEngine) -> list[str]:
    return [
        *("--project-dir", str(PROJECT_FOLDER)),
        *("--profiles-dir", str(engine.work)),
        *("--target-path", str(engine.cache)),
        *("--log-path", str(engine.work)),
        *("--log-level", "none", "--log-level-file", "none", "--no-use-colors", "--quiet"),
        *("--no-write-json", "--no-send-anonymous-usage-stats", "--no-version-check"),
    ]


def _write_profile(engine: DbtEngine) -> None:
    profile = {
        "medallion": {
            "target": "duckdb",
            "outputs": {
                "duckdb": {
                    "type": "duckdb",
                    "path": ":memory:",
                    "threads": min(engine.threads, 2),
                    # Not `settings`: those are set anew on each cursor, which DuckDB refuses for a
                    # folder that it has begun to spill to.
                    "config_options": {
                        "memory_limit": engine.memory_limit,
                        "threads": engine.threads,
                        "temp_directory": str(engine.work / "spill"),
                        "preserve_insertion_order": False,
                    },
                    "settings": {"TimeZone": "UTC"},
                }
            },
        }
    }
    engine.work.mkdir(parents=True, exist_ok=True)
    engine.cache.mkdir(parents=True, exist_ok=True)
    (engine.work / "profiles.yml").write_text(yaml.safe_dump(profile), encoding="utf-8")


def _invoke(
    arguments: list[str], manifest: Manifest | None, progress: Callable[[str], None] | None
) -> dbtRunnerResult:
    from dbt.cli.main import dbtRunner  # noqa: PLC0415 - dbt takes seconds to import

    def on_event(event: Any) -> None:
        if progress is None or event.info.name != "NodeFinished":
            return
        node = event.data.node_info
        if node.resource_type == "model":
            progress(str(node.node_name))

    return dbtRunner(manifest=manifest, callbacks=[on_event]).invoke(arguments)


def _nodes(result: dbtRunnerResult) -> list[DbtNode]:
    results = getattr(result.result, "results", None) or []
    return [
        DbtNode(
            name=entry.node.name,
            kind=str(entry.node.resource_type),
            status=str(entry.status),
            seconds=float(entry.execution_time),
            message=str(entry.message or ""),
            sql=str(getattr(entry.node, "compiled_code", "") or ""),
            failures=getattr(entry, "failures", None),
        )
        for entry in results
    ]


def _broken_nodes(broken: Sequence[DbtNode]) -> str:
    causes = [node for node in broken if node.status != "skipped"] or list(broken)
    lines = [f"dbt: {len(causes)} of the models and tests failed"]
    for node in causes[:5]:
        lines.append(f"{node.kind} {node.name}: {node.message.strip()}")
        if node.sql:
            lines.append(f"SQL of {node.name}:\n{node.sql.strip()}")
    skipped = [node.name for node in broken if node.status == "skipped"]
    if skipped:
        lines.append(f"skipped: {', '.join(skipped[:20])}")
    return "\n".join(lines)
