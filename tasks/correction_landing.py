"""Landing corrected rows: a bronze batch of their own, which names the rows that it replaces.

Belongs here: from an edited export to a committed batch, with its audit trail. Does not belong
here: reading and comparing the file (`corrections.py`), and leaving the replaced rows out of a run
(`corrected_rows.py`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from blocks.lake import Lake
from tasks.bronze_manifests import read_record, record_key
from tasks.contracts.errors import CorrectionError
from tasks.contracts.manifest import (
    BATCH_FOLDER,
    CORRECTION_PREFIX,
    BatchRecord,
    CorrectedRow,
    Correction,
)
from tasks.contracts.release import Release
from tasks.contracts.spec import Spec, Table
from tasks.correction_rows import typed_rows, write_corrected
from tasks.corrections import CorrectedValues, EditedRow, compare, raise_problems, read_edited
from tasks.landing import LandedBatch, Written, land_batch
from tasks.landing_checks import CheckedSource, batch_id_of, partitions_of_batches
from tasks.landing_rows import EngineLimits
from tasks.masking import hidden_by
from tasks.quarantine_export import ExportedTable, exported_rows, exported_table
from tasks.release_views import release_views
from tasks.source_files import SourceFile


@dataclass(frozen=True)
class Rejected:
    """The quarantine of one table in one release of a lake."""

    lake: Lake
    spec: Spec
    release: Release
    table: str
    quarantine: str


@dataclass(frozen=True)
class Replayed:
    """A batch of corrections in bronze, and how many rows of the file were as they had been."""

    batch: LandedBatch
    unchanged: int
    record: BatchRecord


def replay(
    rejected: Rejected,
    file: Path,
    *,
    corrected_by: str,
    landed_at: datetime,
    limits: EngineLimits,
) -> Replayed:
    """Land the rows of `file` that differ from what the quarantine holds.

    Rows that do not say their partition get the day of the release, so that its next run sees them.
    The same content lands once. Raises CorrectionError, with bronze as it was, when the file is no
    edited export, names rows that are not in quarantine or are corrected already, or changes what
    says where a row comes from.
    """
    lake, release, spec = rejected.lake, rejected.release, rejected.spec
    export = exported_table(rejected.spec, release, rejected.table, rejected.quarantine)
    table, prefix = export.table, lake.bronze_prefix(rejected.spec.pipeline)
    table_prefix = f"{prefix}{table.bronze_name}/"
    hidden = {**hidden_by(spec, table.name, "bronze"), **hidden_by(spec, table.name, "silver")}
    if hidden:
        raise CorrectionError(
            f"{table.name}: its quarantine does not show {', '.join(sorted(hidden))}, and a row "
            "without them would take the place of the rejected one; correct the source and land it"
        )
    content = _content(file)
    sha256 = hashlib.sha256(content).hexdigest()
    batch_id = f"{CORRECTION_PREFIX}{batch_id_of(table.bronze_name, sha256).partition('_')[2]}"
    edited = read_edited(content, file.name, export)
    corrected: list[CorrectedValues] = []
    # Once it has landed and a run has seen it, its rows are in quarantine no more.
    if not lake.bronze.exists(record_key(table_prefix, batch_id)):
        _check_bronze_is_here(lake, release, table, table_prefix)
        corrected = _corrected(rejected, export, edited, limits)
        if not corrected:
            raise CorrectionError(f"{file.name}: every row is as it was exported; correct some")
        _check_not_corrected_before(lake, table_prefix, corrected)
    typed = typed_rows(export, corrected) if corrected else None

    def write(folder: Path, landed_on: date, moment: str) -> Written:
        del moment  # they came when the rows came that they replace
        assert typed is not None
        return *write_corrected(folder, typed, batch_id, landed_on, limits), sha256

    source = SourceFile(table.name, table.bronze_name, file, file.name, "csv")
    leftovers = partitions_of_batches(lake.bronze.list(table_prefix), table_prefix)
    batch = land_batch(
        lake.bronze,
        prefix,
        table,
        CheckedSource(
            source, batch_id, sha256, leftovers=tuple(sorted(leftovers.get(batch_id, ())))
        ),
        write,
        landed_on=release.run_date,
        landed_at=landed_at,
        correction=_trail(rejected, table, corrected, corrected_by),
    )
    record = read_record(lake.bronze, table_prefix, batch_id)
    assert record is not None
    assert record.correction is not None
    return Replayed(batch, len(edited) - len(record.correction.rows), record)


def _corrected(
    rejected: Rejected, export: ExportedTable, edited: Sequence[EditedRow], limits: EngineLimits
) -> list[CorrectedValues]:
    with release_views(
        rejected.lake,
        rejected.release,
        tables={rejected.quarantine},
        threads=limits.threads or 1,
        memory_limit=limits.memory_limit or "1500MB",
    ) as connection:
        found = exported_rows(connection, export, rows={row.row for row in edited})
        return compare(edited, {row.row: row for row in found}, export)


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise CorrectionError(f"{file}: cannot be read ({error.strerror})") from error


def _check_bronze_is_here(lake: Lake, release: Release, table: Table, prefix: str) -> None:
    """Corrections of bronze that another team wrote would lie where no run looks for them."""
    known = release.bronze.get(table.name, ())
    if known and not any(lake.bronze.exists(each.partition("|")[0]) for each in known[:1]):
        raise CorrectionError(
            f"{table.bronze_name}: release {release.release} was made of bronze that does not lie "
            f"in {lake.bronze.url(prefix)}; who wrote it has to correct it there"
        )


def _check_not_corrected_before(
    lake: Lake, table_prefix: str, corrected: Sequence[CorrectedValues]
) -> None:
    before: dict[str, str] = {}
    for key in lake.bronze.list(f"{table_prefix}{BATCH_FOLDER}/"):
        batch_id, _, kind = key.rpartition("/")[2].partition(".")
        if kind != "json" or not batch_id.startswith(CORRECTION_PREFIX):
            continue
        record = read_record(lake.bronze, table_prefix, batch_id)
        if record is not None and record.correction is not None:
            before |= dict.fromkeys((row.row for row in record.correction.rows), batch_id)
    raise_problems(
        [
            f"{row.place}: {row.before.row} is corrected by {before[row.before.row]} already; run "
            "the pipeline, and correct what it leaves in quarantine"
            for row in corrected
            if row.before.row in before
        ]
    )


def _trail(
    rejected: Rejected, table: Table, corrected: Sequence[CorrectedValues], corrected_by: str
) -> Correction:
    release = rejected.release
    return Correction(
        table=rejected.table,
        corrected_by=corrected_by,
        release=release.release,
        run_id=release.run_id,
        run_date=release.run_date,
        rows=tuple(
            CorrectedRow(
                row=row.before.row,
                reasons=row.before.reasons,
                changed=row.changed,
                origin={c: v for c in table.audit_columns if (v := row.before.values[c])},
            )
            for row in corrected
        ),
    )
