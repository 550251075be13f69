"""Landing source files in bronze: each file once, whole or not at all.

Belongs here: what happens to one source file, from its check to its commit, and the report. Does
not belong here: finding files (`source_files.py`), the SQL (`landing_sql.py`), how manifests are
written (`bronze_manifests.py`).

A file becomes visible with its batch record, which is written last. Whatever an attempt that dies
before has left is replaced, under the same names, by the next.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path, PurePosixPath

import pyarrow.parquet as pq

from blocks.store import Store
from tasks.bronze_manifests import (
    add_to_manifest,
    drop_from_manifest,
    manifest_entry,
    place_file,
    read_record,
    record_key,
    staging,
    write_record,
)
from tasks.contracts.errors import IngestError
from tasks.contracts.manifest import BatchRecord, ManifestFile
from tasks.contracts.spec import Spec, Table
from tasks.landing_rows import EngineLimits, write_rows
from tasks.schema_drift import ReceivedColumn, compare_columns
from tasks.source_columns import file_sha256, place, received_columns
from tasks.source_files import SourceFile

NO_LIMITS = EngineLimits()


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


@dataclass(frozen=True)
class CheckedSource:
    """A source file whose columns fit, or that is landed already.

    `leftovers` are partitions in which an earlier attempt may have left files of the batch.
    """

    source: SourceFile
    batch_id: str
    sha256: str
    received: tuple[ReceivedColumn, ...] = ()
    drift: tuple[str, ...] = ()
    leftovers: tuple[str, ...] = ()


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


def check_sources(
    store: Store, prefix: str, spec: Spec, sources: Sequence[SourceFile]
) -> list[CheckedSource]:
    """Compare the columns of each source that is not landed yet.

    Raises IngestError with what is wrong with each file.
    """
    attempts: dict[str, dict[str, set[str]]] = {}
    checked = []
    faults: dict[str, str] = {}
    for source in sources:
        table_prefix = f"{prefix}{source.table}/"
        sha256 = file_sha256(source.path)
        batch_id = batch_id_of(source.table, sha256)
        if store.exists(record_key(table_prefix, batch_id)):
            checked.append(CheckedSource(source, batch_id, sha256))
            continue
        if source.table not in attempts:
            attempts[source.table] = _partitions_of_batches(store.list(table_prefix), table_prefix)
        try:
            received, drift = _fitting_columns(spec.table(source.table), source)
        except IngestError as error:
            faults[source.name] = str(error)
            continue
        leftovers = tuple(sorted(attempts[source.table].get(batch_id, ())))
        checked.append(CheckedSource(source, batch_id, sha256, received, drift, leftovers))
    if faults:
        lines = [f"{len(faults)} files cannot be landed; nothing was"] if len(faults) > 1 else []
        raise IngestError("\n  ".join([*lines, *faults.values()]), faults)
    return checked


def batch_id_of(table: str, sha256: str) -> str:
    """Return the batch of a file's content in `table`: landing it again gives the same."""
    return f"batch_{hashlib.sha256(f'{table}{sha256}'.encode()).hexdigest()[:16]}"


def _partitions_of_batches(keys: Sequence[str], table_prefix: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for key in keys:
        partition, slash, name = key.removeprefix(table_prefix).partition("/")
        if slash and "=" in partition:
            found.setdefault(name.rpartition("-")[0], set()).add(partition)
    return found


def _fitting_columns(
    table: Table, source: SourceFile
) -> tuple[tuple[ReceivedColumn, ...], tuple[str, ...]]:
    received = received_columns(source)
    if received is None:
        return tuple(ReceivedColumn(c.name, "text", "text") for c in table.columns), ()
    compared = compare_columns(table, received)
    if compared.problems:
        raise IngestError(f"{place(source)}: {'; '.join(compared.problems)}")
    return tuple(received), compared.drift


def land_file(
    store: Store,
    prefix: str,
    table: Table,
    checked: CheckedSource,
    *,
    landed_on: date,
    landed_at: datetime,
    limits: EngineLimits = NO_LIMITS,
) -> LandedBatch:
    """Land one checked source, unless it is landed by now; raises IngestError and OSError."""
    table_prefix = f"{prefix}{table.name}/"
    source, batch_id = checked.source, checked.batch_id
    key = record_key(table_prefix, batch_id)
    if store.exists(key):
        return _landed_before(store, table_prefix, checked)
    moment = moment_text(landed_at)
    # One writer a batch: two attempts on different days would land it in two partitions.
    with store.exclusive(key), staging(store, table_prefix) as folder:
        if store.exists(key):
            return _landed_before(store, table_prefix, checked)
        columns, staged = write_rows(
            folder,
            table,
            source,
            checked.received,
            audit={"batch_id": batch_id, "ingestion_ts": moment, "source_file": source.name},
            landed_on=landed_on,
            limits=limits,
        )
        if file_sha256(source.path) != checked.sha256:
            raise IngestError(f"{place(source)}: changed while it was read; land it again")
        total = 0
        for partition in sorted(staged):
            entries = _place(store, table_prefix, partition, staged[partition], batch_id)
            add_to_manifest(
                store, table_prefix, partition, entries, columns=columns, created_at=moment
            )
            total += sum(entry.rows for entry in entries)
        for partition in set(checked.leftovers) - set(staged):
            drop_from_manifest(store, table_prefix, partition, batch_id)
        record = BatchRecord(
            table=table.name,
            batch_id=batch_id,
            source_file=source.name,
            source_sha256=checked.sha256,
            source_bytes=source.path.stat().st_size,
            rows=total,
            partitions=tuple(sorted(staged)),
            columns=columns,
            drift=checked.drift,
            landed_at=moment,
        )
        write_record(store, table_prefix, record)
    return _batch(record, source, already_landed=False)


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
    store: Store, table_prefix: str, partition: str, files: Sequence[Path], batch_id: str
) -> list[ManifestFile]:
    entries = []
    for number, file in enumerate(files):
        name = f"{batch_id}-{number}.parquet"
        entries.append(manifest_entry(file, name, pq.read_metadata(file).num_rows, batch_id))
        place_file(store, file, str(PurePosixPath(table_prefix, partition, name)))
    return entries
