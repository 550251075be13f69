"""dbt's own documentation of the project, and what its manifest says of each model.

Belongs here: calling dbt, in a process of its own and without any data. Does not belong here:
builds (`dbt_runs.py`), and the page that is made of it (`dictionary.py`).
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tasks.contracts.errors import BuildError
from tasks.contracts.spec import Spec
from tasks.dbt_runs import dbt_tables

PROJECT = Path(__file__).resolve().parents[1] / "dbt"
_LAYERS = ("silver", "dims", "enriched", "gold")
_AS_IS = ("--empty-catalog", "--no-compile")
_DBT = "from dbt.cli.main import cli; cli()"


@dataclass(frozen=True)
class DocumentedModel:
    """A model of dbt: `relation` is `schema.alias`, `columns` are {name: (type, meaning)}."""

    pipeline: str
    relation: str
    description: str
    sql: str = ""
    columns: dict[str, tuple[str, str]] = field(default_factory=dict)


def document_project(specs: Iterable[Spec], page: Path) -> list[DocumentedModel]:
    """Write dbt's page of the whole project to `page`; return its sources, and then its models.

    Models come with their SQL, what is read before what reads it. Raises BuildError with dbt's
    words.
    """
    with TemporaryDirectory(prefix="medallion-docs-") as folder:
        models = compile_project(specs, Path(folder), "docs", "generate", "--static", *_AS_IS)
        shutil.copyfile(Path(folder) / "target" / "static_index.html", page)
    return models


def compile_project(specs: Iterable[Spec], folder: Path, *more: str) -> list[DocumentedModel]:
    """Compile all models in `folder`, then do what `more` tells dbt; return sources and models.

    Raises BuildError with dbt's words.
    """
    tables: dict[str, Any] = {}
    for spec in specs:
        tables |= dbt_tables(spec)
    run = {"tables": tables, "run_date": "2024-01-01", "run_id": "documentation"}
    _dbt(folder, run, "compile", "--no-introspect", "--select", "resource_type:model")
    if more:
        _dbt(folder, run, *more)
    manifest = json.loads((folder / "target" / "manifest.json").read_text())
    sources = [_model(node) for node in manifest["sources"].values()]
    return [*sources, *(_model(node) for node in _in_order(manifest["nodes"]))]


def _in_order(nodes: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """The models, layer by layer, and within a layer what is read before what reads it."""
    models = {name: node for name, node in nodes.items() if node["resource_type"] == "model"}
    read = {name: node["depends_on"]["nodes"] for name, node in models.items()}
    order = TopologicalSorter({n: [r for r in read[n] if r in models] for n in models})
    # A layer names those before it as sources, of which dbt does not know who makes them.
    return sorted(
        (models[name] for name in order.static_order()),
        key=lambda node: _LAYERS.index(node["schema"]) if node["schema"] in _LAYERS else -1,
    )


def _model(node: dict[str, Any]) -> DocumentedModel:
    pipeline, alias = node["fqn"][1], node.get("alias") or node["identifier"]
    return DocumentedModel(
        pipeline=pipeline,
        relation=f"{node['schema']}.{alias}",
        description=" ".join(node["description"].split()),
        sql=node.get("compiled_code") or "",
        columns={
            name: (column.get("data_type") or "", " ".join(column["description"].split()))
            for name, column in node["columns"].items()
        },
    )


def _dbt(folder: Path, run: dict[str, Any], *command: str) -> None:
    places = {
        "--project-dir": str(PROJECT),
        "--profiles-dir": str(PROJECT),
        "--target-path": f"{folder}/target",
        "--log-path": f"{folder}/logs",
        "--vars": json.dumps({"run": run}),
    }
    given = [text for option in places.items() for text in option]
    done = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-c", _DBT, "--no-use-colors", *command, *given],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise BuildError(f"dbt {command[0]}: {done.stdout.strip()[-1000:] or done.stderr[-1000:]}")
