"""A fingerprint of the code that decides what a release holds.

Belongs here: which files count. Does not belong here: what follows from a change (`run_base.py`).
"""

from __future__ import annotations

import hashlib
from pathlib import Path

ROOT = Path(__file__).parent.parent
_EVERY_PIPELINE = ("dbt/macros", "dbt/seeds", "tasks/transforms")


def logic_fingerprint(pipeline: str, root: Path = ROOT) -> str:
    """Return a short hash of the SQL, seeds and transforms that `pipeline` is computed by."""
    digest = hashlib.sha256((root / "dbt/dbt_project.yml").read_bytes())
    for folder in (*_EVERY_PIPELINE, f"dbt/models/{pipeline}"):
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in {".sql", ".csv", ".py"}:
                digest.update(f"{path.relative_to(root)}\0".encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
