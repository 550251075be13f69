"""Which source files are to be landed: their content is new, and their columns fit.

Belongs here: what is looked at before anything of a file is landed. Does not belong here: comparing
columns (`schema_drift.py`), or landing (`landing.py`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from blocks.store import Store
from tasks.bronze_manifests import record_key
from tasks.contracts.errors import IngestError
from tasks.contracts.spec import Spec, Table
from tasks.line_files import line_columns
from tasks.mapped_rows import check_mapping, mapped_sha256
from tasks.schema_drift import ReceivedColumn, compare_columns
from tasks.source_columns import file_sha256, place, received_columns
from tasks.source_files import SourceFile


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
        table_prefix = f"{prefix}{source.bronze}/"
        sha256 = content_sha256(source)
        batch_id = batch_id_of(source.bronze, _told_apart_by(source, sha256))
        if store.exists(record_key(table_prefix, batch_id)):
            checked.append(CheckedSource(source, batch_id, sha256))
            continue
        if source.table not in attempts:
            attempts[source.table] = partitions_of_batches(store.list(table_prefix), table_prefix)
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


def _told_apart_by(source: SourceFile, sha256: str) -> str:
    """JSON records keep where they come from, and its name says what they are: copies are two."""
    return f"{sha256}{source.name}" if source.format == "json" else sha256


def batch_id_of(table: str, sha256: str) -> str:
    """Return the batch of a file's content in `table`: landing it again gives the same."""
    return f"batch_{hashlib.sha256(f'{table}{sha256}'.encode()).hexdigest()[:16]}"


def partitions_of_batches(keys: Sequence[str], table_prefix: str) -> dict[str, set[str]]:
    """Return in which partitions files of each batch lie, committed or not."""
    found: dict[str, set[str]] = {}
    for key in keys:
        partition, slash, name = key.removeprefix(table_prefix).rpartition("/")
        if slash and "=" in partition:
            found.setdefault(name.rpartition("-")[0], set()).add(partition)
    return found


def content_sha256(source: SourceFile) -> str:
    """Return the hash of all that the rows of `source` are made of."""
    return file_sha256(source.path) if source.mapped is None else mapped_sha256(source.mapped)


def _fitting_columns(
    table: Table, source: SourceFile
) -> tuple[tuple[ReceivedColumn, ...], tuple[str, ...]]:
    if source.mapped is not None:
        check_mapping(source, source.mapped)
        return tuple(ReceivedColumn(c.name, "text", "text") for c in table.columns), ()
    if table.landing == "records":
        return (), ()
    received = line_columns(source) if table.landing == "lines" else received_columns(source)
    if received is None:
        return tuple(ReceivedColumn(c.name, "text", "text") for c in table.columns), ()
    compared = compare_columns(table, received)
    if compared.problems:
        raise IngestError(f"{place(source)}: {'; '.join(compared.problems)}")
    return tuple(received), compared.drift
