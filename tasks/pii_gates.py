"""Judging whether a specification declares the columns that seem to tell who a person is.

Belongs here: taking a bounded sample of a table's text columns, and the gate. Does not belong here:
what a sample tells (`pii_detection.py`), or masking (`masking.py`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.bronze_inventory import BronzeTable
from tasks.contracts.release import PublishedTable
from tasks.contracts.run_record import GateMode, GateResult
from tasks.contracts.spec import Spec
from tasks.gates import judged
from tasks.masking import hidden_by, landed_flags
from tasks.mirror import Mirror
from tasks.pii_detection import detected

FILES, ROWS = 3, 100  # of a table that are looked at
CHECK = "undeclared_pii"
Sample = dict[str, list[str | None]]
Item = TypeVar("Item")


def bronze_pii_gate(spec: Spec, table: BronzeTable, mode: GateMode) -> GateResult:
    """Judge the columns of a bronze table; what is not at hand of it is not fetched for that."""
    at_hand = [file.path for file in table.files if file.path and Path(file.path).is_file()]
    sample = _sampled(at_hand)
    entry = spec.table(table.name)
    return _judged(spec, "bronze", table.name, entry.bronze_name, sample, mode)


def silver_pii_gate(
    spec: Spec, table: str, mirror: Mirror, published: PublishedTable, mode: GateMode
) -> GateResult:
    """Judge the columns of a silver table by the files of it that a run has written."""
    files = _spread([file for file in published.files if file.rows])
    return _judged(spec, "silver", table, table, _sampled(mirror.paths(files)), mode)


def gold_pii_gate(
    spec: Spec, table: str, mirror: Mirror, published: PublishedTable, mode: GateMode
) -> GateResult:
    """Judge whether a gold table shows what is to be masked, or what nobody has declared.

    Only what the specification says that gold keeps may stand there in clear.
    """
    files = _spread([file for file in published.files if file.rows])
    kept = {
        name
        for entry in spec.pii
        if entry.gold_policy == "keep"
        for name in (entry.column, *entry.gold_columns)
    }
    sample = _sampled(mirror.paths(files))
    found = {c: kind for c, kind in detected(table, sample).items() if c not in kept}
    told = ", ".join(f"{column} ({kind})" for column, kind in found.items())
    return judged(
        "gold",
        table,
        "clear_pii",
        passed=not found,
        observed=len(found),
        threshold=0,
        mode=mode,
        message=f"{table}: {told} of gold seems to tell who a person is, in clear; list it under "
        f"gold_columns of pii in the specification of {spec.pipeline}",
    )


def bronze_policy_gates(
    spec: Spec, found: BronzeTable, masked_by: str | None, mode: GateMode
) -> list[GateResult]:
    """Judge whether the files of a bronze table hide what the specification hides in bronze.

    What is clear there can still be hidden on its way to silver, but not by a view. Masks by
    another key join with nothing: they stop every run. `masked_by` tells the run's key.
    """
    table = spec.table(found.name)
    policies = hidden_by(spec, table.name, "bronze")
    flags = frozenset(landed_flags(policies))
    gates = []
    if flags:
        clear = [file for file in found.files if flags - set(file.hidden)]
        view = table.silver_as == "view"
        then = "silver is a view and cannot, either: land them anew in an empty lake"
        gates.append(
            judged(
                "bronze",
                found.name,
                "bronze_policy",
                passed=not clear,
                observed=len(clear),
                threshold=0,
                mode="strict" if view else mode,
                message=f"{table.bronze_name}: files were landed before pii said {_told(flags)}, "
                "or another team wrote them; what lies there is read in place and cannot be "
                f"masked; {then if view else 'silver hides it'}",
            )
        )
    hidden = [file for file in found.files if file.hidden]
    if hidden:
        other = [
            file
            for file in hidden
            if file.masked_by not in (None, masked_by)
            or any(f.endswith("=mask") and f[: -len("=mask")] not in policies for f in file.hidden)
        ]
        gates.append(
            judged(
                "bronze",
                found.name,
                "landed_masks",
                passed=not other,
                observed=len(other),
                threshold=0,
                mode="strict",
                message=f"{table.bronze_name}: files were landed with masks by another key, or "
                "with masks where pii has none in bronze now; give the key and the policy that "
                "they were landed with, or land them anew in an empty lake",
            )
        )
    return gates


def _told(flags: Iterable[str]) -> str:
    return ", ".join(sorted(flags)).replace("=", ": ")


def declared_columns(spec: Spec, table: str) -> frozenset[str]:
    """Return the columns of silver `table` that the specification says to tell who a person is."""
    return frozenset(
        name
        for entry in spec.pii
        if entry.table == table
        for name in (entry.column, *entry.gold_columns)
    )


def _judged(
    spec: Spec, layer: str, table: str, called: str, sample: Sample, mode: GateMode
) -> GateResult:
    known = declared_columns(spec, table)
    found = {c: kind for c, kind in detected(called, sample).items() if c not in known}
    told = ", ".join(f"{column} ({kind})" for column, kind in found.items())
    return judged(
        layer,
        table,
        CHECK,
        passed=not found,
        observed=len(found),
        threshold=0,
        mode=mode,
        message=f"{table}: {told} of {layer} seems to tell who a person is; declare it under pii "
        f"in the specification of {spec.pipeline}, with its kind and what gold shows of it",
    )


def _sampled(paths: Sequence[str]) -> Sample:
    """Read the first rows of a few files; a file that cannot be read is for other gates to tell."""
    sample: Sample = {}
    for path in _spread(paths):
        try:
            rows = _json_rows(path) if path.endswith(".jsonl") else _parquet_rows(path)
        except (OSError, ValueError, pa.ArrowException):
            continue
        for column, values in rows.items():
            sample.setdefault(column, []).extend(values)
    return sample


def _parquet_rows(path: str) -> Sample:
    with pq.ParquetFile(path) as file:
        texts = [field.name for field in file.schema_arrow if _is_text(field.type)]
        batch = next(file.iter_batches(ROWS, columns=texts), None) if texts else None
    return batch.to_pydict() if batch is not None else {}


def _json_rows(path: str) -> Sample:
    found: Sample = {}
    with Path(path).open(encoding="utf-8") as lines:
        for line in islice(lines, ROWS):
            for column, value in _texts("", json.loads(line)):
                found.setdefault(column, []).append(value)
    return found


def _texts(name: str, value: Any) -> list[tuple[str, str]]:
    """Return the texts of a record with the names of the members that hold them."""
    if isinstance(value, str):
        return [(name, value)]
    if isinstance(value, Mapping):
        return [found for key, inner in value.items() for found in _texts(str(key), inner)]
    if isinstance(value, list):
        return [found for inner in value for found in _texts(name, inner)]
    return []


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _spread(items: Sequence[Item]) -> list[Item]:
    """The first, the last and what lies between, `FILES` at most."""
    step = max(1, -(-(len(items) - 1) // max(1, FILES - 1)))
    return [*items[: len(items) - 1 : step], *items[-1:]][:FILES] if items else []
