"""Dimension snapshots: when they are due, whether they may be shown, and the pointer to them.

Belongs here: freshness, quality gates, snapshot manifests and `dims/_latest.json`. Does not
belong here: building the rows (silver and its dbt models).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
from pydantic import BaseModel, ConfigDict

from blocks.lake import Lake
from blocks.store import VersionConflictError
from tasks.bronze_inventory import BronzeTable
from tasks.contracts.errors import PublishConflictError, ReleaseError
from tasks.contracts.manifest import MANIFEST_NAME
from tasks.contracts.release import PublishedTable
from tasks.contracts.run_record import GateMode, GateResult
from tasks.contracts.spec import Dimension, Spec
from tasks.gates import judged
from tasks.masking import HIDING_LAYERS, hidden_by
from tasks.published_files import describe_table
from tasks.run_context import RunContext
from tasks.run_plan import SnapshotPlan
from tasks.silver import with_parents
from tasks.sql_text import read_parquet


class SnapshotManifest(BaseModel):
    """`dims/<dimension>/snapshot_dt=<day>/_MANIFEST.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: str = "1.0"
    dimension: str
    snapshot_dt: date
    run_id: str
    inputs: str
    created_at: datetime
    table: PublishedTable


@dataclass(frozen=True)
class Pointer:
    """`dims/_latest.json`: the current snapshot of each dimension, and the runs that made them."""

    snapshots: dict[str, date]
    run_ids: dict[str, str]
    version: str | None

    def to_json(self) -> bytes:
        days = {name: day.isoformat() for name, day in sorted(self.snapshots.items())}
        return json.dumps({**days, "run_ids": self.run_ids}, indent=1).encode()


def read_pointer(lake: Lake, pipeline: str) -> Pointer:
    """Read the pointer; without one, no dimension has a snapshot yet."""
    key = f"{lake.dimension_prefix(pipeline)}/_latest.json"
    content, version = lake.silver.read_versioned(key)
    if content is None:
        return Pointer({}, {}, None)
    try:
        document = json.loads(content)
        run_ids = document.pop("run_ids", {})
        days = {name: date.fromisoformat(day) for name, day in document.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise ReleaseError(f"{lake.silver.url(key)} is no pointer to snapshots: {error}") from error
    return Pointer(days, run_ids, version)


def read_snapshot(lake: Lake, pipeline: str, dimension: str, day: date) -> SnapshotManifest | None:
    """Read the manifest of one snapshot, if there is one."""
    key = _manifest_key(lake, pipeline, dimension, day)
    try:
        return SnapshotManifest.model_validate_json(lake.silver.read(key))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ReleaseError(f"{lake.silver.url(key)} is no snapshot manifest: {error}") from error


def snapshot_inputs(
    spec: Spec,
    dimension: Dimension,
    inventory: Mapping[str, BronzeTable],
    run_date: date,
    masked_by: str | None = None,
) -> str:
    """Return a hash of all that decides a snapshot: files, rules, and the day if a rule asks.

    What silver masks or drops of the table counts, too, and by which key (`masked_by`).
    """
    tables = [spec.table(name) for name in with_parents(spec, [dimension.table])]
    parts: list[str] = []
    for table in tables:
        parts += [inventory[table.name].fingerprint, table.model_dump_json()]
        if any(rule.not_after_run_date or rule.sql for rule in table.rules):
            parts.append(run_date.isoformat())
        hidden = {layer: hidden_by(spec, table.name, layer) for layer in HIDING_LAYERS}
        if any(hidden.values()):
            parts.append(f"{json.dumps(hidden, sort_keys=True)} {masked_by}")
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]


def plan_snapshot(
    dimension: Dimension, snapshot: SnapshotManifest | None, run_date: date, inputs: str
) -> SnapshotPlan:
    """Tell whether a new snapshot is due: the latest must be recent, no later, of the same inputs.

    `snapshot` is the latest one that is not after `run_date`.
    """
    if snapshot is None:
        return SnapshotPlan(True, f"there is no snapshot up to {run_date}")
    day = snapshot.snapshot_dt
    if snapshot.inputs != inputs:
        return SnapshotPlan(True, f"the snapshot of {day} is of other bronze or rules")
    if not timedelta(0) <= run_date - day <= timedelta(hours=dimension.freshness_hours):
        hours = dimension.freshness_hours
        return SnapshotPlan(True, f"the snapshot of {day} is older than {hours} hours")
    return SnapshotPlan(False, f"the snapshot of {day} is still fresh", snapshot.table)


def latest_snapshot(
    lake: Lake, pipeline: str, dimension: str, run_date: date
) -> SnapshotManifest | None:
    """Return the latest snapshot that is not after `run_date`, if there is one.

    Not the pointer's: runs for other days move that, and must not decide what this day uses.
    """
    prefix = f"{lake.dimension_prefix(pipeline)}/{dimension}/"
    days = []
    for key in lake.silver.list(prefix):
        if key.endswith(f"/{MANIFEST_NAME}"):
            day = date.fromisoformat(key.removeprefix(prefix).partition("/")[0].partition("=")[2])
            if day <= run_date:
                days.append(day)
    return read_snapshot(lake, pipeline, dimension, max(days)) if days else None


def dimension_gates(
    dimension: Dimension,
    *,
    rows: int,
    distinct_keys: int,
    null_keys: int,
    previous: int | None,
    mode: GateMode,
) -> list[GateResult]:
    """Judge a new snapshot before it may become the current one."""
    name = dimension.name
    kept = 1.0 if not previous else rows / previous
    checks = [
        ("pk_uniqueness", rows == distinct_keys, distinct_keys, rows, "keys occur twice"),
        ("pk_not_null", null_keys == 0, null_keys, 0, "keys are NULL"),
        ("not_empty", rows > 0, rows, 1, "the snapshot has no rows"),
        (
            "share_of_previous",
            kept >= dimension.min_share_of_previous,
            kept,
            dimension.min_share_of_previous,
            f"{rows} rows after {previous}",
        ),
    ]
    return [
        judged(
            "dims",
            name,
            check,
            passed=passed,
            observed=observed,
            threshold=threshold,
            mode=mode,
            message=f"{name}: {message}; the snapshot before it stays current",
        )
        for check, passed, observed, threshold, message in checks
    ]


def key_counts(path: Path, key: tuple[str, ...]) -> tuple[int, int, int]:
    """Count rows, distinct keys and NULL keys of a Parquet file."""
    columns = ", ".join(key)
    nulls = " or ".join(f"{column} is null" for column in key)
    with duckdb.connect() as connection:
        row = connection.execute(
            f"select count(*), count(distinct ({columns})), count(*) filter ({nulls})"  # noqa: S608
            f" from {read_parquet([str(path)])}"
        ).fetchone()
    assert row is not None
    return row[0], row[1], row[2]


def keep_snapshot(run: RunContext, dimension: Dimension, written: Path, inputs: str) -> None:
    """Move a snapshot that passed its gate to its partition, and list it in the manifest."""
    prefix = f"{run.lake.dimension_prefix(run.pipeline)}/{dimension.name}"
    key = f"{prefix}/snapshot_dt={run.run_date.isoformat()}/{run.run_id}.parquet"
    files = run.mirror.store_of("silver")
    target = files.path(key)
    target.parent.mkdir(parents=True, exist_ok=True)
    written.rename(target)
    table = describe_table(files, "silver", key, key=run.spec.table(dimension.table).key)
    run.mirror.send(table.files)
    manifest = SnapshotManifest(
        dimension=dimension.name,
        snapshot_dt=run.run_date,
        run_id=run.run_id,
        inputs=inputs,
        created_at=run.started_at,
        table=table,
    )
    manifest_key = _manifest_key(run.lake, run.pipeline, dimension.name, run.run_date)
    run.lake.silver.write(manifest_key, manifest.model_dump_json(indent=1).encode())


def move_pointer(run: RunContext, seen: Pointer, moved: Mapping[str, SnapshotManifest]) -> None:
    """Point at the snapshots of `moved`; raises PublishConflictError if another was first."""
    pointer = Pointer(
        {**seen.snapshots, **{name: snapshot.snapshot_dt for name, snapshot in moved.items()}},
        {**seen.run_ids, **{name: snapshot.run_id for name, snapshot in moved.items()}},
        seen.version,
    )
    key = f"{run.lake.dimension_prefix(run.pipeline)}/_latest.json"
    try:
        run.lake.silver.swap(key, pointer.to_json(), expected=seen.version)
    except VersionConflictError as error:
        raise PublishConflictError(
            f"another run refreshed the dimensions of {run.pipeline} meanwhile; run again"
        ) from error


def _manifest_key(lake: Lake, pipeline: str, dimension: str, day: date) -> str:
    prefix = lake.dimension_prefix(pipeline)
    return f"{prefix}/{dimension}/snapshot_dt={day.isoformat()}/{MANIFEST_NAME}"
