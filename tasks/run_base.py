"""What a run builds on: the release before it, where that can stand, and the bronze since then.

Belongs here: pure decisions from a release, fingerprints and an inventory. Does not belong here:
computing what changed in a table (`silver.py` and its dbt macros), or reading anything.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from tasks.contracts.release import Release
from tasks.contracts.spec import Spec, Table
from tasks.masking import hides_in_silver

if TYPE_CHECKING:
    from tasks.bronze_inventory import BronzeTable


@dataclass(frozen=True)
class Base:
    """The release that a run builds on, or the reason why it computes everything."""

    release: Release | None
    reason: str = ""

    def known(self, table: str) -> frozenset[str]:
        """Identities of the bronze files that the release has seen."""
        return frozenset(self.release.bronze.get(table, ())) if self.release else frozenset()


NOTHING = Base(None)


def choose_base(
    release: Release | None,
    *,
    spec: Spec,
    spec_fingerprint: str,
    logic_fingerprint: str,
    run_date: date,
    full_refresh: bool,
    gold_elsewhere: bool = False,
    masked_by: str | None = None,
) -> Base:
    """Tell whether `release` is a base for a run; it is not for an earlier day or other rules.

    Where gold is `gold_elsewhere`, in the warehouse, no release need have it.
    """
    if release is None:
        return Base(None, "there is no release yet")
    number = release.release
    absent = [
        name
        for name in computed_tables(spec)
        if name not in release.tables and not (gold_elsewhere and name.startswith("gold."))
    ]
    obstacles = {
        "a full refresh was asked for": full_refresh,
        f"release {number} does not say which bronze it was made of": not release.bronze,
        f"the specification changed since release {number}": (
            release.spec_fingerprint != spec_fingerprint
        ),
        f"SQL or transforms changed since release {number}": (
            release.logic_fingerprint != logic_fingerprint
        ),
        f"columns are masked by another key since release {number}": (
            release.masked_by != masked_by
        ),
        "rows are judged by values that silver does not show, only bronze has them": bool(
            hides_in_silver(spec)
        ),
        f"release {number} is of a later day, {release.run_date}": run_date < release.run_date,
        f"release {number} has no table {', '.join(absent)}": bool(absent),
    }
    reason = next((told for told, holds in obstacles.items() if holds), None)
    return Base(release) if reason is None else Base(None, reason)


def computed_tables(spec: Spec) -> list[str]:
    """Return the published names of all that a run computes from bronze and snapshots."""
    silver = [name for table in spec.tables for name in table.listed_names]
    enriched = [f"enriched.{transform.name}" for transform in spec.transforms]
    return [*silver, *enriched, *(f"gold.{fact.name}" for fact in spec.gold)]


def taken_away(release: Release, stages: Collection[str]) -> list[str]:
    """Return the tables of `release` that a run of only these stages would not publish again."""
    stage_of = {"dims": "dimensions"}
    layers = {name: name.partition(".")[0] for name in release.tables}
    return [name for name, layer in layers.items() if stage_of.get(layer, layer) not in stages]


def settle_base(base: Base, inventory: Mapping[str, BronzeTable]) -> Base:
    """Give up a base that was made of bronze which is not there any more, or not as it was."""
    for name, table in inventory.items():
        gone = base.known(name) - table.identities
        if gone & {file.identity for file in table.expired}:
            return Base(None, f"batches of {name} that the release before has seen expired")
        if gone:
            key = min(gone).partition("|")[0]
            return Base(None, f"bronze of the release before is gone or changed: {key}")
    return base


def depends_on_the_day(table: Table) -> bool:
    """Tell whether the same rows may be judged otherwise on another day, or tell that day."""
    if "processed_at" in (table.derived or {}):
        return True
    return any(rule.not_after_run_date or rule.sql for rule in table.rules)
