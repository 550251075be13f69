"""What each published table is made of.

Belongs here: the tables of a pipeline and those that they read, as its specification says. Does
not belong here: where they lie, or telling anybody (`assets.py`).
"""

from __future__ import annotations

from tasks.contracts.spec import Spec, Table


def lineage(spec: Spec) -> dict[str, tuple[str, ...]]:
    """Return {published table: tables that it is made of}, in the order of the layers.

    Names are `layer.name`; those that are no published tables are of bronze or seeds. The tables
    of gold that are kept for the next run only are left out.
    """
    found: dict[str, tuple[str, ...]] = {}
    for table in spec.tables:
        inputs = _inputs_of_silver(table)
        found[f"silver.{table.name}"] = inputs
        found[f"silver.{table.quarantine_name}"] = inputs
        found |= {f"silver.{name}": (f"silver.{table.name}",) for name in table.shown_beside}
    found |= {f"dims.{each.name}": (f"silver.{each.table}",) for each in spec.dimensions}
    found |= {f"enriched.{t.name}": tuple(t.inputs.values()) for t in spec.transforms}
    found |= {f"gold.{fact.name}": fact.inputs for fact in spec.gold if not fact.internal}
    return found


def descriptions(spec: Spec) -> dict[str, str]:
    """Return what the specification says of each table, of bronze too, where it says anything."""
    said: dict[str, str] = {}
    for table in spec.tables:
        said[f"bronze.{table.bronze_name}"] = f"{table.description} As received."
        said[f"silver.{table.name}"] = table.description
        said[f"silver.{table.quarantine_name}"] = f"Rejected rows of silver.{table.name}."
        beside = table.feed.beside if table.feed is not None else ()
        said |= {f"silver.{b.name}": b.description for b in beside if not b.internal}
    for dimension in spec.dimensions:
        said[f"dims.{dimension.name}"] = f"Daily snapshot of silver.{dimension.table}."
    said |= {f"enriched.{t.name}": t.description for t in spec.transforms}
    said |= {f"gold.{fact.name}": fact.description for fact in spec.gold}
    return {name: text.strip() for name, text in said.items() if text.strip()}


def _inputs_of_silver(table: Table) -> tuple[str, ...]:
    """Bronze, and the parents: a row without one is rejected."""
    parents = (f"silver.{key.references}" for key in table.foreign_keys)
    return tuple(dict.fromkeys((f"bronze.{table.bronze_name}", *parents)))
