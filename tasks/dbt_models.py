"""Which models dbt has built, against those that the specification needs.

Belongs here: telling that a table was declared and its model forgotten; dbt passes over a selection
that matches nothing. Does not belong here: what broke in a model (`dbt_runs.py`).
"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.contracts.errors import BuildError
from tasks.dbt_runs import DbtNode


def require_models(nodes: Iterable[DbtNode], names: Iterable[str], folder: str) -> None:
    """Raise BuildError naming the models of `names` that are not among `nodes`."""
    built = {node.name for node in nodes if node.kind == "model"}
    missing = [name for name in names if name not in built]
    if missing:
        raise BuildError(
            f"the specification needs models that dbt does not have: {', '.join(missing)}; "
            f"add each below {folder} (CONTRIBUTING.md has what is in it)"
        )
