"""Addresses of computed tables: a hash of all that decides what a table holds.

Belongs here: pure hashing of logic, specification, dates, and the addresses of a table's inputs.
Does not belong here: which results there are (`table_results.py`), or reading any code
(`logic_fingerprint.py`).

Two runs that give a table the same key would compute the same rows. What only judges a table
(gates, thresholds, how strict they are) is no part of its key: it is judged anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from tasks.contracts.release import PublishedTable
from tasks.contracts.spec import Spec, Table
from tasks.masking import HIDING_LAYERS, hidden_by
from tasks.run_base import Base, depends_on_the_day

if TYPE_CHECKING:
    from tasks.bronze_inventory import BronzeTable

_LAYOUT = 1  # of what is hashed; another one leaves older results unfound


@dataclass(frozen=True)
class Logic:
    """Fingerprints of the code: of silver's and gold's models, and of each transform by name."""

    silver: str
    transforms: Mapping[str, str]
    gold: str


def result_keys(
    spec: Spec,
    base: Base,
    inventory: Mapping[str, BronzeTable],
    snapshots: Mapping[str, PublishedTable],
    *,
    logic: Logic,
    run_date: date,
    as_of: date | None,
    bronze: str = "",
    mask: str | None = None,
    arriving: Collection[str] = (),
) -> dict[str, str]:
    """Return {layer.table: key} of the tables whose inputs are all known.

    `snapshots` are those that the run uses, by `dims.<name>`, `bronze` is where foreign bronze
    lies, `mask` a fingerprint of the key that gold is masked with, `arriving` the tables of which
    files are still to be landed.
    """
    common = [_LAYOUT, spec.pipeline, _base_hash(base)]
    keys: dict[str, str | None] = {
        name: _hash(["snapshot", name, table.model_dump(mode="json")])
        for name, table in snapshots.items()
    }
    for table in spec.tables:
        name, found = f"silver.{table.name}", inventory.get(table.name)
        if found is None or table.name in arriving:
            keys[name] = None
            continue
        parents = [f"silver.{key.references}" for key in table.foreign_keys]
        parts: dict[str, Any] = {
            "logic": logic.silver,
            "spec": table.model_dump(mode="json", exclude={"description", "gates"}),
            "bronze": [bronze, sorted(found.identities)],
            "run_date": run_date.isoformat() if _tells_the_day(table) else None,
        }
        hidden = {layer: hidden_by(spec, table.name, layer) for layer in HIDING_LAYERS}
        if any(hidden.values()):
            parts["masks"] = [mask, hidden]
        keys[name] = _key([*common, name], parts, parents, keys)
        for listed in table.listed_names[1:]:
            keys[listed] = keys[name]
    for transform in spec.transforms:
        name = f"enriched.{transform.name}"
        parts = {
            "logic": logic.transforms[transform.name],
            "spec": transform.model_dump(mode="json", exclude={"description", "checks"}),
            "run_date": run_date.isoformat(),
        }
        inputs = [n for n in transform.inputs.values() if not n.startswith("seeds.")]
        keys[name] = _key([*common, name], parts, inputs, keys)
    for fact in spec.gold:
        name = f"gold.{fact.name}"
        parts = {
            "logic": logic.gold,
            "spec": fact.model_dump(mode="json", exclude={"description", "min_rows"}),
            "run_date": run_date.isoformat(),
            "as_of": as_of.isoformat() if as_of else None,
            "masks": [mask, [entry.model_dump(mode="json") for entry in spec.pii]],
        }
        keys[name] = _key([*common, name], parts, fact.inputs, keys)
    computed = {f"silver.{table.name}" for table in spec.tables}
    return {
        name: key
        for name, key in keys.items()
        if key is not None and (name in computed or name.startswith(("enriched.", "gold.")))
    }


def _key(
    place: list[Any],
    parts: Mapping[str, Any],
    inputs: Iterable[str],
    keys: Mapping[str, str | None],
) -> str | None:
    """Hash the parts and the keys of the inputs; a table with an unknown input has no key."""
    found = {name: keys.get(name) for name in inputs}
    if None in found.values():
        return None
    return _hash([*place, parts, found])


def _tells_the_day(table: Table) -> bool:
    """A rule may ask for the run date, and so may the models of a table that has its own."""
    has_models = table.derived is not None or table.feed is not None
    return has_models or depends_on_the_day(table)


def _base_hash(base: Base) -> str | None:
    return None if base.release is None else _hash(base.release.model_dump(mode="json"))


def _hash(parts: object) -> str:
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]
