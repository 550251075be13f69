"""Writing the rows of one source file as bronze Parquet files, not yet in their place.

Belongs here: running the SQL of a landing, and naming what went wrong. Does not belong here: the
SQL itself (`landing_sql.py`), final names, manifests and commits (`landing.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from urllib.parse import quote, unquote

import duckdb
from pydantic import SecretStr

from tasks.contracts.errors import IngestError
from tasks.contracts.pii import Policy
from tasks.contracts.spec import Table
from tasks.landing_sql import identifier, landed_columns, partition_value, source_relation
from tasks.mapped_rows import mapped_relation
from tasks.masking import hiding_sql, key_fingerprint, register_masks
from tasks.schema_drift import ReceivedColumn
from tasks.source_columns import place, readable
from tasks.source_faults import fault_of
from tasks.source_files import SourceFile
from tasks.sql_text import quoted

_PARTITION = "__landing_partition__"
_NO_SPACE = ("no space left", "could not write")


@dataclass(frozen=True)
class EngineLimits:
    """Threads and memory of the engine; None leaves it to DuckDB."""

    threads: int | None = None
    memory_limit: str | None = None


def write_rows(
    folder: Path,
    table: Table,
    source: SourceFile,
    received: Sequence[ReceivedColumn],
    *,
    audit: Mapping[str, str],
    landed_on: date,
    limits: EngineLimits,
    hiding: Hiding | None = None,
) -> tuple[dict[str, str], dict[str, list[Path]]]:
    """Write the rows of `source` to Parquet files below the empty `folder`.

    Returns the columns with their DuckDB types, and the files by the name of the partition folder
    that each is for (`ingest_dt=2024-01-14`). `audit` holds the audit columns that the source may
    lack. Of what is hidden nothing is written, and event ids are made of what is. Raises
    IngestError for a faulty file, OSError when disk or memory do not suffice.
    """
    landed = landed_columns(table, received, audit)
    select = ", ".join(f"{sql} AS {identifier(name)}" for name, sql in landed.items())
    names = [column.name for column in received]
    with _relation(source, names) as (relation, path):
        query = f"SELECT {select}"
        hidden = hiding_sql(table, hiding.policies) if hiding is not None else {}
        if hidden:
            replaced = ", ".join(f"{sql} AS {identifier(name)}" for name, sql in hidden.items())
            shown = f"(SELECT * REPLACE ({replaced}) FROM {relation})"  # noqa: S608 - quoted
        else:
            shown = relation
        fixed = _fixed_partition(table, source, names, landed_on)
        try:
            with duckdb.connect() as engine:
                _set(engine, limits, path.parent)
                register_masks(engine, hiding.key if hiding is not None else None)
                described = engine.execute(f"DESCRIBE {query} FROM {shown}").fetchall()
                if fixed is not None:
                    folder_name = f"{_PARTITION}={quote(fixed, safe='')}"
                    (folder / folder_name).mkdir()
                    target = folder / folder_name / ".part_0.parquet"
                    engine.execute(_copy(f"{query} FROM {shown}", target))
                else:
                    # One thread writes one file a partition, in the order of the source.
                    engine.execute("SET threads = 1")
                    engine.execute("SET partitioned_write_max_open_files = 1000000")
                    value = partition_value(table.partition)
                    engine.execute(
                        _copy(
                            f"{query}, {value} AS {_PARTITION} FROM {shown}",
                            folder,
                            f", PARTITION_BY ({_PARTITION}), OVERWRITE_OR_IGNORE, "
                            "FILENAME_PATTERN '.part_{i}'",
                        )
                    )
        except duckdb.Error as error:
            raise _failure(source, path, table, error) from error
    columns = {str(name): str(kind) for name, kind, *_ in described}
    return columns, _staged_files(folder, table.partition.column)


@dataclass(frozen=True)
class Hiding:
    """What of a table landing masks or drops, as {column: policy}, and the key of masks."""

    policies: Mapping[str, Policy] = field(default_factory=dict)
    key: SecretStr | None = None

    @property
    def masked_by(self) -> str | None:
        """What tells the key from another, if a column is masked."""
        if self.key is None or "mask" not in self.policies.values():
            return None
        return key_fingerprint(self.key.get_secret_value().encode())


@contextmanager
def _relation(source: SourceFile, names: Sequence[str]) -> Iterator[tuple[str, Path]]:
    """Give the relation of a source's rows, and the file that it reads."""
    if source.mapped is not None:
        with mapped_relation(source, source.mapped) as (relation, folder):
            yield relation, folder / "mapped.parquet"
        return
    with readable(source) as path:
        yield source_relation(path, source.format, names), path


def _set(engine: duckdb.DuckDBPyConnection, limits: EngineLimits, scratch: Path) -> None:
    engine.execute(f"SET temp_directory = {quoted(str(scratch))}")
    if limits.threads is not None:
        engine.execute(f"SET threads = {limits.threads}")
    if limits.memory_limit is not None:
        engine.execute(f"SET memory_limit = {quoted(limits.memory_limit)}")


def _copy(query: str, target: Path, options: str = "") -> str:
    return (
        f"COPY ({query}) TO {quoted(str(target))} "
        f"(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1{options})"
    )


def _fixed_partition(
    table: Table, source: SourceFile, received: Sequence[str], landed_on: date
) -> str | None:
    """The partition of the whole file, or None where each row's value decides."""
    column = table.partition.column
    if column in {c.name for c in table.columns}:
        return None
    if source.partition is not None:
        return source.partition
    return None if column in received else landed_on.isoformat()


def _failure(source: SourceFile, path: Path, table: Table, error: duckdb.Error) -> Exception:
    text = str(error)
    if any(sign in text.lower() for sign in _NO_SPACE):
        return OSError(f"{place(source)}: {text.splitlines()[0]}")
    if "name too long" in text.lower():
        column = table.partition.column
        return IngestError(f"{place(source)}: a value of '{column}' is too long to name a folder")
    if isinstance(error, duckdb.OutOfMemoryException):
        return OSError(f"{place(source)}: {text.splitlines()[0]}; raise the memory limit")
    if source.format == "parquet":
        return IngestError(
            f"{place(source)}: is a damaged Parquet file ({text.splitlines()[0]}); "
            "transfer it again"
        )
    return IngestError(f"{place(source)}: {fault_of(path, source.format, error)}")


def _staged_files(folder: Path, column: str) -> dict[str, list[Path]]:
    """Files by the name of the partition folder that they go to."""
    staged: dict[str, list[Path]] = {}
    for file in sorted(folder.glob(f"{_PARTITION}=*/.*.parquet")):
        value = unquote(file.parent.name.partition("=")[2])
        staged.setdefault(f"{column}={quote(value, safe='')}", []).append(file)
    return staged
