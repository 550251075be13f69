"""dbt in this process on the project's own folder, as by hand: no run, no specification.

Belongs here: invoking a command with folders of the test's own, and its results by name. Does not
belong here: what is built or tested.
"""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dbt.cli.main import dbtRunner

DBT = Path(__file__).resolve().parents[2] / "dbt"
GOOD = {"success", "pass"}


def invoke(*command: str, folder: Path, manifest: Any = None) -> Any:
    """dbt's own result; its files go to `folder`."""
    options = ["--project-dir", str(DBT), "--profiles-dir", str(DBT)]
    options += ["--target-path", str(folder / "target"), "--log-path", str(folder / "logs")]
    with contextlib.redirect_stdout(io.StringIO()):
        return dbtRunner(manifest=manifest).invoke([*command, *options])


def node_results(
    *command: str, run: Mapping[str, Any], folder: Path, manifest: Any
) -> dict[str, Any]:
    """dbt's result of each node by the node's name; `run` is the variable of that name."""
    variables = ("--vars", json.dumps({"run": run}))
    outcome = invoke(*command, *variables, folder=folder, manifest=manifest)
    assert outcome.result is not None, outcome.exception
    results = [r for r in outcome.result.results if r.node.resource_type != "operation"]
    return {result.node.name: result for result in results}
