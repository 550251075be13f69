"""Fingerprints of the code that decides what a release holds.

Belongs here: which files count. Does not belong here: what follows from a change (`run_base.py`,
`result_keys.py`).
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable
from modulefinder import ModuleFinder
from pathlib import Path

from tasks.contracts.spec import Spec
from tasks.result_keys import Logic

ROOT = Path(__file__).parent.parent
_ROW_MODELS = "tasks/contracts/row_models"
_EVERY_PIPELINE = ("dbt/macros", "dbt/seeds", "tasks/transforms", _ROW_MODELS)
_DBT = ("dbt/dbt_project.yml", "dbt/macros", "dbt/seeds")
_COUNTING = {".sql", ".csv", ".py"}
# A search drops what Python knows of its paths, which two threads cannot do at once.
_SEARCHING = threading.Lock()


def logic_fingerprint(pipeline: str, root: Path = ROOT) -> str:
    """Return a short hash of the SQL, seeds and transforms that `pipeline` is computed by."""
    digest = hashlib.sha256((root / "dbt/dbt_project.yml").read_bytes())
    for folder in (*_EVERY_PIPELINE, f"dbt/models/{pipeline}"):
        _update(digest, root, _below(root / folder))
    return digest.hexdigest()[:16]


def logic_of_tables(spec: Spec, root: Path = ROOT) -> Logic:
    """Return fingerprints of what computes each layer of a pipeline, and each transform.

    Of a transform those modules count that it imports, directly or not: to mend one leaves the
    others as they are.
    """
    models = root / "dbt/models" / spec.pipeline
    common = [path for name in _DBT for path in _below(root / name)]
    gold = _below(models / "gold")
    silver = [path for path in _below(models) if path not in gold]
    silver += _below(root / _ROW_MODELS)
    seeds = _below(root / "dbt/seeds")
    transforms = {}
    for transform in spec.transforms:
        own = root / "tasks/transforms" / f"{transform.name}.py"
        transforms[transform.name] = _fingerprint(root, [*seeds, *_with_imported(own, root)])
    return Logic(
        _fingerprint(root, [*common, *silver]), transforms, _fingerprint(root, [*common, *gold])
    )


def _below(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return [found for found in sorted(path.rglob("*")) if found.suffix in _COUNTING]


def _fingerprint(root: Path, paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    _update(digest, root, paths)
    return digest.hexdigest()[:16]


def _update(digest: hashlib._Hash, root: Path, paths: Iterable[Path]) -> None:
    for path in paths:
        digest.update(f"{path.relative_to(root)}\0".encode())
        digest.update(path.read_bytes())


def _with_imported(path: Path, root: Path) -> list[Path]:
    """Return a module of ours and all of ours that it imports, directly or not; none is run."""
    finder = ModuleFinder(path=[str(root)])
    with _SEARCHING:
        finder.run_script(str(path))
    files = (getattr(module, "__file__", None) for module in finder.modules.values())
    return sorted(Path(file) for file in files if file is not None)
