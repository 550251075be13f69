"""Running the dbt project on DuckDB, in a process of its own.

Belongs here: asking dbt to build with a run's variables, and turning its results into ours.
Does not belong here: invoking dbt (`dbt_worker.py`), what the models compute (`dbt/`), or which
ones a layer needs (`silver.py`, `gold.py`, `dimensions.py`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from tasks.contracts.errors import BuildError
from tasks.contracts.spec import AUDIT_COLUMNS, Spec
from tasks.contracts.warehouse import DbtTarget
from tasks.dbt_process import DbtDiedError, ask, tell
from tasks.masking import gold_policies, masked_keys, silver_sql

PROJECT_FOLDER = Path(__file__).parent.parent / "dbt"


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
    """The result of a model or data test; `relation` (`schema.name`) is what others read it as."""

    name: str
    kind: str
    status: str
    seconds: float
    message: str
    sql: str
    failures: int | None
    relation: str = ""

    @property
    def is_broken(self) -> bool:
        return self.status in {"error", "fail", "runtime error", "skipped"}


@dataclass(frozen=True)
class DbtEngine:
    """The limits of the DuckDB that dbt runs on, where dbt may write, and the key of masks."""

    cache: Path
    work: Path
    threads: int
    memory_limit: str
    mask_key: SecretStr | None = None


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
    target: DbtTarget | None = None,
) -> list[DbtNode]:
    """Build the selected models and run their `data_tests`, if asked for; return a node each.

    That happens in DuckDB, or in the warehouse of `target`.

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
        **({"datasets": dict(target.datasets)} if target is not None else {}),
        "gold_policies": gold_policies(spec),
        "silver_sql": silver_sql(spec),
        "masked_keys": masked_keys(spec),
        **inputs.more,
    }
    for folder in inputs.outputs.values():
        folder.mkdir(parents=True, exist_ok=True)
    request = {
        "project": _project(engine.cache, spec, target),
        "secrets": dict(target.secrets) if target is not None else {},
        "build": {
            "work": str(engine.work.absolute()),
            "threads": engine.threads,
            "memory_limit": engine.memory_limit,
            "mask_key": engine.mask_key.get_secret_value() if engine.mask_key else None,
            "variables": {"run": variables},
            "select": list(select),
            "exclude": list(exclude),
            "skip": ["unit_test"] if data_tests else ["unit_test", "test"],
        },
    }
    try:
        answer = ask(request, progress or (lambda _: None))
    except DbtDiedError as died:
        raise BuildError(_death(died, engine, select)) from died
    nodes = [DbtNode(**node) for node in answer["nodes"]]
    broken = [node for node in nodes if node.is_broken]
    if broken:
        raise BuildError(_broken_nodes(broken))
    if answer["error"] is not None:
        raise BuildError(answer["error"])
    return nodes


def warm_up(cache: Path, spec: Spec) -> None:
    """Let dbt be imported and the project parsed meanwhile; a build tells what goes wrong."""
    tell({"project": _project(cache, spec), "build": None})


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


def _project(cache: Path, spec: Spec, target: DbtTarget | None = None) -> dict[str, Any]:
    """What parsing depends on: nothing of a run, so that one parse serves many."""
    run: dict[str, Any] = {"tables": dbt_tables(spec)}
    if target is not None:
        run["datasets"] = dict(target.datasets)
    project: dict[str, Any] = {
        "folder": str(PROJECT_FOLDER),
        "variables": {"run": run},
        "connection": dict(target.connection) if target is not None else None,
    }
    told = json.dumps(project, sort_keys=True)
    fingerprint = f"{spec.pipeline}-{hashlib.sha256(told.encode()).hexdigest()[:16]}"
    # dbt keeps one parse a folder, and what another specification parsed is of no use to it.
    return project | {"fingerprint": fingerprint, "cache": str(cache.absolute() / fingerprint)}


def _death(died: DbtDiedError, engine: DbtEngine, select: Sequence[str]) -> str:
    names = ", ".join(select[:3]) + (", ..." if len(select) > 3 else "")  # noqa: PLR2004
    text = f"dbt: building {names}: its process {died}"
    if died.killed:
        text += (
            "; the system does that when memory runs out: give DuckDB less than "
            f"{engine.memory_limit} (memory_limit, MEDALLION_MEMORY_LIMIT), or the machine more"
        )
    return text


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
