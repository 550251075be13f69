"""Landing source files in bronze: each file once, whole or not at all.

Belongs here: what happens to one source file, from its check to its commit, and the report. Does
not belong here: finding and checking files (`source_files.py`, `landing_checks.py`), writing their
rows (`landing_rows.py`, `line_landing.py`) or manifests (`bronze_manifests.py`).

A file becomes visible with its batch record, which is written last. Whatever an attempt that dies
before has left is replaced, under the same names, by the next.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import SecretStr

from blocks.store import Store
from tasks.bronze_manifests import (
    add_to_manifest,
    claim_batch,
    drop_from_manifest,
    expired_before,
    manifest_entry,
    place_file,
    read_record,
    record_key,
    staging,
    tell_delivered,
    write_record,
)
from tasks.contracts.errors import IngestError
from tasks.contracts.manifest import BatchRecord, Correction, ManifestFile
from tasks.contracts.spec import Spec, Table
from tasks.feed_files import count_lines
from tasks.feed_landing import write_records
from tasks.landing_checks import CheckedSource, check_sources, content_sha256
from tasks.landing_rows import EngineLimits, Hiding, write_rows
from tasks.line_landing import write_lines
from tasks.masking import hidden_by, landed_flags
from tasks.source_columns import place
from tasks.source_files import SourceFile

NO_LIMITS = EngineLimits()
# Columns with their DuckDB types, files by partition folder, and the source's hash as read.
Written = tuple[dict[str, str], dict[str, list[Path]], str]


@dataclass(frozen=True)
class LandedBatch:
    """A source file in bronze. `already_landed`: it was there before, and nothing was changed."""

    table: str
    batch_id: str
    source_file: str
    rows: int
    partitions: tuple[str, ...]
    already_landed: bool
    drift: tuple[str, ...] = ()


@dataclass(frozen=True)
class LandingReport:
    """What became of each source file, in the order of the files."""

    batches: tuple[LandedBatch, ...]

    @property
    def landed(self) -> tuple[LandedBatch, ...]:
        """The batches that are new in bronze."""
        return tuple(batch for batch in self.batches if not batch.already_landed)

    @property
    def rows(self) -> int:
        """Rows that are new in bronze."""
        return sum(batch.rows for batch in self.landed)

    @property
    def rows_by_table(self) -> dict[str, int]:
        """New rows of each table that had a source file, 0 where all were landed before."""
        totals = {batch.table: 0 for batch in self.batches}
        for batch in self.landed:
            totals[batch.table] += batch.rows
        return totals

    @property
    def drift(self) -> tuple[str, ...]:
        """Every deviation from the specification, once."""
        return tuple(dict.fromkeys(note for batch in self.batches for note in batch.drift))


def land(
    store: Store,
    prefix: str,
    spec: Spec,
    sources: Sequence[SourceFile],
    *,
    landed_on: date,
    landed_at: datetime,
    progress: Callable[[LandedBatch], object] | None = None,
    limits: EngineLimits = NO_LIMITS,
    key: SecretStr | None = None,
) -> LandingReport:
    """Land `sources` below `prefix` of `store`, and tell `progress` of each.

    Rows get partition `landed_on` where neither their file's path nor their values say another, and
    the ingestion time `landed_at` (with a time zone) where the source has none. Raises IngestError
    before anything is landed if a file's columns do not fit; when a later fault stops a file,
    none of its rows is landed, those of the files before it are, and the error says how many.
    """
    checked = check_sources(store, prefix, spec, sources)
    batches: list[LandedBatch] = []
    for item in checked:
        try:
            batch = land_file(
                store,
                prefix,
                spec.table(item.source.table),
                item,
                landed_on=landed_on,
                landed_at=landed_at,
                limits=limits,
                hiding=Hiding(hidden_by(spec, item.source.table, "bronze"), key),
            )
        except IngestError as error:
            raise IngestError(f"{error} ({landed_text(len(batches), len(checked))})") from error
        batches.append(batch)
        if progress is not None:
            progress(batch)
    return LandingReport(tuple(batches))


def landed_text(landed: int, of: int) -> str:
    """Say how far a landing came before it failed."""
    return f"{landed} of {of} files are landed; run it again when this one is put right"


def land_file(
    store: Store,
    prefix: str,
    table: Table,
    checked: CheckedSource,
    *,
    landed_on: date,
    landed_at: datetime,
    limits: EngineLimits = NO_LIMITS,
    hiding: Hiding | None = None,
) -> LandedBatch:
    """Land one checked source, unless it is landed by now; raises IngestError and OSError."""

    def write(folder: Path, day: date, moment: str) -> Written:
        return _write(folder, table, checked, day, moment, limits, hiding)

    return land_batch(
        store,
        prefix,
        table,
        checked,
        write,
        landed_on=landed_on,
        landed_at=landed_at,
        hiding=hiding,
    )


def land_batch(
    store: Store,
    prefix: str,
    table: Table,
    checked: CheckedSource,
    write: Callable[[Path, date, str], Written],
    *,
    landed_on: date,
    landed_at: datetime,
    correction: Correction | None = None,
    hiding: Hiding | None = None,
) -> LandedBatch:
    """Commit what `write` puts below a folder as the batch of `checked`, unless it is there by now.

    `write` is told the folder, the partition of rows that do not say theirs, and the time of
    landing as text. Raises IngestError and OSError.
    """
    table_prefix = f"{prefix}{table.bronze_name}/"
    source, batch_id = checked.source, checked.batch_id
    key = record_key(table_prefix, batch_id)
    moment = moment_text(landed_at)
    if store.exists(key):
        if table.silver_as == "view":  # its bronze may expire
            tell_delivered(store, table_prefix, batch_id, moment)
        return _landed_before(store, table_prefix, checked)
    # One writer a batch: two attempts on different days would land it in two partitions.
    with store.exclusive(key), staging(store, table_prefix) as folder:
        if store.exists(key):
            return _landed_before(store, table_prefix, checked)
        attempt = ""
        if store.local_path(key) is None:  # no lock: others may be landing the same batch
            attempt = f".{secrets.token_hex(4)}"
            landed_on, moment = claim_batch(store, table_prefix, batch_id, landed_on, moment)
        elif expired_before(store, table_prefix, checked.leftovers, batch_id):
            attempt = f".{secrets.token_hex(4)}"
        columns, staged, sha256 = write(folder, landed_on, moment)
        if sha256 != checked.sha256:
            raise IngestError(f"{place(source)}: changed while it was read; land it again")
        total = 0
        for partition in sorted(staged):
            if attempt and store.exists(key):  # leave what is committed as it is
                return _landed_before(store, table_prefix, checked)
            entries = _place(store, table_prefix, partition, staged[partition], batch_id, attempt)
            if hiding is not None and hiding.policies:
                told = {"hidden": landed_flags(hiding.policies), "masked_by": hiding.masked_by}
                entries = [entry.model_copy(update=told) for entry in entries]
            add_to_manifest(
                store, table_prefix, partition, entries, columns=columns, created_at=moment
            )
            total += sum(entry.rows for entry in entries)
        for partition in set(checked.leftovers) - set(staged):
            drop_from_manifest(store, table_prefix, partition, batch_id)
        record = BatchRecord(
            table=table.bronze_name,
            batch_id=batch_id,
            source_file=source.name,
            source_sha256=checked.sha256,
            source_bytes=source.bytes,
            rows=total,
            partitions=tuple(sorted(staged)),
            columns=columns,
            drift=checked.drift,
            landed_at=moment,
            correction=correction,
        )
        write_record(store, table_prefix, record)
    return _batch(record, source, already_landed=False)


def _write(
    folder: Path,
    table: Table,
    checked: CheckedSource,
    landed_on: date,
    moment: str,
    limits: EngineLimits,
    hiding: Hiding | None,
) -> Written:
    """Write the rows of a source file below `folder`."""
    source = checked.source
    if table.landing == "records":
        records = write_records(folder, table, source, landed_on=landed_on)
        return {}, records.staged, records.sha256
    if table.landing == "lines":
        written = write_lines(
            folder,
            table,
            source,
            checked.received,
            landed_on=landed_on,
            threads=limits.threads or pa.cpu_count(),
        )
        return written.columns, written.staged, written.sha256
    columns, staged = write_rows(
        folder,
        table,
        source,
        checked.received,
        audit={
            "batch_id": checked.batch_id,
            "ingestion_ts": moment,
            "source_file": source.name,
        },
        landed_on=landed_on,
        limits=limits,
        hiding=hiding,
    )
    return columns, staged, content_sha256(source)


def moment_text(landed_at: datetime) -> str:
    """Render the time of landing as the audit column has it; raises ValueError without a zone."""
    if landed_at.tzinfo is None:
        raise ValueError("landed_at needs a time zone")
    return landed_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")


def _landed_before(store: Store, table_prefix: str, checked: CheckedSource) -> LandedBatch:
    record = read_record(store, table_prefix, checked.batch_id)
    if record is None:
        raise IngestError(f"{place(checked.source)}: its batch vanished; land it again")
    return _batch(record, checked.source, already_landed=True)


def _batch(record: BatchRecord, source: SourceFile, *, already_landed: bool) -> LandedBatch:
    return LandedBatch(
        table=record.table,
        batch_id=record.batch_id,
        source_file=source.name,
        rows=record.rows,
        partitions=record.partitions,
        already_landed=already_landed,
        drift=record.drift,
    )


def _place(
    store: Store,
    table_prefix: str,
    partition: str,
    files: Sequence[Path],
    batch_id: str,
    attempt: str,
) -> list[ManifestFile]:
    entries = []
    for number, file in enumerate(files):
        name = f"{batch_id}{attempt}-{number}{file.suffix}"
        rows = count_lines(file) if file.suffix == ".jsonl" else pq.read_metadata(file).num_rows
        entries.append(manifest_entry(file, name, rows, batch_id))
        place_file(store, file, str(PurePosixPath(table_prefix, partition, name)))
    return entries
