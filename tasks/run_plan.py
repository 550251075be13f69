"""What a run does, and why: its stages and tables, decided before anything is computed.

Belongs here: pure decisions from a base, an inventory of bronze and snapshots. Does not belong
here: reading any of these, or doing what is planned (`flows/run.py`).

A table that is kept is carried over file by file. One that is to be updated may turn out to be as
it was: which days a change reaches is known only once the tables that it reads are there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from tasks.bronze_inventory import BronzeTable
from tasks.contracts.release import PublishedTable, Release
from tasks.contracts.spec import GoldFact, Spec, Table, Transform
from tasks.run_base import Base, depends_on_the_day

Action = Literal["verify", "compute", "update", "reuse", "keep"]
ORDER = ("bronze", "dimensions", "silver", "enriched", "gold", "publish", "warehouse")
WarehouseUse = Literal["load", "gold"]  # it is loaded, or computes gold as well
_MOST_NAMED = 3


@dataclass(frozen=True)
class PlannedTable:
    """A table, `layer.name`: verified (bronze), computed whole, updated in part, or not computed.

    It is reused as a run that did not publish it has left it, or kept as the base has it.
    """

    table: str
    action: Action
    reason: str
    as_released: bool = False  # the base has the same, so that what reads it may be kept too


@dataclass(frozen=True)
class PlannedStage:
    """A stage that the run goes through, with its tables in the order of the specification."""

    stage: str
    reason: str
    tables: tuple[PlannedTable, ...] = ()


@dataclass(frozen=True)
class RunPlan:
    """The stages in their order; `left_out` says of the others why they are none."""

    stages: tuple[PlannedStage, ...]
    left_out: Mapping[str, str]

    @property
    def tables(self) -> dict[str, PlannedTable]:
        return {table.table: table for stage in self.stages for table in stage.tables}

    def keeps(self, table: str) -> bool:
        """Tell whether `table` is carried over as the base has it."""
        planned = self.tables.get(table)
        return planned is not None and planned.action == "keep"

    @property
    def computed(self) -> list[str]:
        """The tables that the run computes, whole or in part."""
        return [name for name, t in self.tables.items() if t.action in ("compute", "update")]

    def reusing(self, results: Mapping[str, str]) -> RunPlan:
        """Return the plan that takes over `results`, {table: run that has computed it}."""

        def planned(table: PlannedTable) -> PlannedTable:
            if table.table not in results:
                return table
            reason = f"result of run {results[table.table]}; {table.reason}"
            return replace(table, action="reuse", reason=reason)

        stages = (replace(s, tables=tuple(map(planned, s.tables))) for s in self.stages)
        return replace(self, stages=tuple(stages))


@dataclass(frozen=True)
class SnapshotPlan:
    """What becomes of a dimension: a new snapshot where it is `due`, else `table` stays."""

    due: bool
    reason: str
    table: PublishedTable | None = None


def plan_run(
    spec: Spec,
    base: Base,
    inventory: Mapping[str, BronzeTable],
    *,
    run_date: date,
    as_of: date | None,
    environment: str,
    stages: Collection[str],
    publishes: bool,
    follows: int | None,
    snapshots: Mapping[str, SnapshotPlan],
    arriving: Mapping[str, int] | None = None,
    warehouse: WarehouseUse | None = None,
) -> RunPlan:
    """Return the plan of a run.

    `follows` is the current release, `arriving` how many files of each table are to be landed
    before the run begins, `snapshots` what becomes of each dimension.
    """
    arriving = arriving or {}
    on = base.release
    planned: dict[str, list[PlannedTable]] = {
        "bronze": [_bronze(t, base, inventory[t.name], arriving) for t in spec.tables],
        "dimensions": _dimensions(spec, on, snapshots),
        "silver": plan_silver(spec, base, inventory, run_date, arriving),
    }
    known = {table.table: table for tables in planned.values() for table in tables}
    for table in spec.tables:
        known |= {f"silver.{name}": known[f"silver.{table.name}"] for name in table.shown_beside}
    planned["enriched"] = []
    for transform in spec.transforms:
        planned["enriched"].append(_transform(transform, base, run_date, known))
        known[f"enriched.{transform.name}"] = planned["enriched"][-1]
    planned["gold"] = [_fact(fact, base, run_date, as_of, known) for fact in spec.gold]

    left_out = {}
    for stage in ORDER[: ORDER.index("publish")]:
        if stage not in stages:
            left_out[stage] = f"environment '{environment}' does not run it"
        elif not planned[stage]:
            left_out[stage] = f"{spec.pipeline} declares none"
    if not publishes:
        left_out["publish"] = f"environment '{environment}' publishes nothing"
    if warehouse == "gold" and "gold" not in left_out:
        left_out["gold"] = "the warehouse computes it, of what is published"
        planned["warehouse"] = [
            PlannedTable(f"warehouse.{fact.name}", "compute", "gold, of what is loaded")
            for fact in spec.gold
            if not fact.internal
        ]
    if warehouse is not None and "publish" in left_out:
        left_out["warehouse"] = "nothing new is published"
    not_there = () if warehouse is not None else ("warehouse",)
    told = _told(base)
    return RunPlan(
        tuple(
            PlannedStage(
                stage,
                _publishing(follows) if stage == "publish" else told[stage],
                tuple(planned.get(stage, ())),
            )
            for stage in ORDER
            if stage not in left_out and stage not in not_there
        ),
        left_out,
    )


def plan_silver(
    spec: Spec,
    base: Base,
    inventory: Mapping[str, BronzeTable],
    run_date: date,
    arriving: Mapping[str, int] | None = None,
) -> list[PlannedTable]:
    """Return what becomes of the silver tables, in the order of the specification.

    A table differs from the base's through new files, through its parents, or through time: a row
    that was rejected as of the future may be valid by now.
    """
    planned: list[PlannedTable] = []
    due: set[str] = set()
    for table in spec.tables:
        fresh = inventory[table.name].without(base.known(table.name))
        reason = _silver_reason(
            table, base, fresh, due, run_date, coming=(arriving or {}).get(table.name, 0)
        )
        action: Action = "keep"
        if base.release is None:
            action, reason = "compute", base.reason
        elif reason:
            action = "update"
            due.add(table.name)
        kept = f"release {base.release.release} has seen its bronze" if base.release else ""
        name, same = f"silver.{table.name}", action == "keep"
        planned.append(PlannedTable(name, action, reason or kept, same))
    return planned


def _silver_reason(
    table: Table, base: Base, fresh: BronzeTable, due: set[str], run_date: date, *, coming: int
) -> str:
    """Say why silver `table` may differ from the base's; nothing if it cannot."""
    reasons = []
    if coming:
        reasons.append(f"{_count(coming, 'file')} to be landed")
    if fresh.files:
        reasons.append(f"{_count(len(fresh.files), 'new file')}, {fresh.rows:,} rows")
    moved = [key.references for key in table.foreign_keys if key.references in due]
    if moved:
        reasons.append(f"refers to {_names(dict.fromkeys(moved))}")
    later = base.release is not None and run_date > base.release.run_date
    if later and depends_on_the_day(table):
        reasons.append("a rule of it asks for the run date")
    return "; ".join(reasons)


def _bronze(
    table: Table, base: Base, found: BronzeTable, arriving: Mapping[str, int]
) -> PlannedTable:
    fresh = found.without(base.known(table.name))
    coming = arriving.get(table.name, 0)
    reason = f"{_count(len(fresh.files), 'new file')} of {len(found.files):,}, {fresh.rows:,} rows"
    if coming:
        reason = f"{_count(coming, 'file')} to be landed" + (f"; {reason}" if found.files else "")
    return PlannedTable(f"bronze.{table.bronze_name}", "verify", reason)


def _dimensions(
    spec: Spec, release: Release | None, snapshots: Mapping[str, SnapshotPlan]
) -> list[PlannedTable]:
    """A snapshot that is fresh is kept; the base may have another one nevertheless."""
    planned = []
    for dimension in spec.dimensions:
        name, plan = f"dims.{dimension.name}", snapshots.get(dimension.name)
        if plan is None:
            continue
        same = release is not None and not plan.due and release.tables.get(name) == plan.table
        reason = plan.reason
        if release is not None and not plan.due and not same:
            reason += f"; release {release.release} has another one"
        planned.append(PlannedTable(name, "compute" if plan.due else "keep", reason, same))
    return planned


def _transform(
    transform: Transform, base: Base, run_date: date, known: Mapping[str, PlannedTable]
) -> PlannedTable:
    name, release = f"enriched.{transform.name}", base.release
    if release is None or name not in release.tables:
        return PlannedTable(name, "compute", base.reason)
    moved = _moved(transform.inputs.values(), known)
    if run_date != release.run_date:
        moved = [f"the run date, {release.run_date} before", *moved]
    return _derived(name, moved, release, partly=transform.incremental is not None)


def _fact(
    fact: GoldFact,
    base: Base,
    run_date: date,
    as_of: date | None,
    known: Mapping[str, PlannedTable],
) -> PlannedTable:
    name, release = f"gold.{fact.name}", base.release
    if release is None or name not in release.tables:
        return PlannedTable(name, "compute", base.reason)
    if (release.run_date, release.as_of) != (run_date, as_of):
        reason = f"every row tells the run date, which was {release.run_date}"
        if release.run_date == run_date:
            reason = f"release {release.release} took its day otherwise: from the clock or the call"
        return PlannedTable(name, "compute", reason)
    moved = _moved(fact.inputs, known)
    return _derived(name, moved, release, partly=fact.incremental is not None)


def _derived(name: str, moved: Sequence[str], release: Release, *, partly: bool) -> PlannedTable:
    if not moved:
        reason = f"its inputs are those of release {release.release}"
        return PlannedTable(name, "keep", reason, as_released=True)
    action: Action = "update" if partly else "compute"
    return PlannedTable(name, action, f"may differ through {_names(moved)}")


def _moved(inputs: Iterable[str], known: Mapping[str, PlannedTable]) -> list[str]:
    """Return the inputs that may differ from the base's; seeds cannot, nor what is kept."""
    return [name for name in inputs if name in known and not known[name].as_released]


def _told(base: Base) -> dict[str, str]:
    if base.release is None:
        everything = f"all of it is computed: {base.reason}"
        silver = derived = everything
    else:
        silver = f"new bronze, on top of release {base.release.release}"
        derived = f"what changes of silver reach, on top of release {base.release.release}"
    return {
        "bronze": "files are compared with what the manifests list",
        "dimensions": "a snapshot that is fresh is used again",
        "silver": silver,
        "enriched": derived,
        "gold": derived,
        "warehouse": "partitions that differ from what was loaded last are replaced",
    }


def _publishing(follows: int | None) -> str:
    after = f"after release {follows}" if follows is not None else "the first one"
    return f"release {(follows or 0) + 1}, {after}: all tables by one swap"


def _names(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - _MOST_NAMED} more" if len(listed) > _MOST_NAMED else ""
    return ", ".join(listed[:_MOST_NAMED]) + more


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
