"""Adding single records to bronze, by many writers at once: no line is lost or torn.

Belongs here: the logs that writers append to, and sealing them for a run. Does not belong here:
what a line is (`feed_lines.py`), landing files (`landing.py`), the clock (`flows/append.py`).

On a local disk each partition has one log, which is open to all writers. A writer holds its lock
for one write; what a writer that died has left of a line goes with the next write, as nobody was
told that it had been added. A run seals a log: under the same lock it gets a name of its own, and
is then a batch like any other, which never changes. Writers that waited for the lock find a new
log. In an object store, where nothing can be appended to, each call is a batch.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from blocks.store import Store
from tasks.bronze_manifests import add_to_manifest, manifest_entry, record_key, write_record
from tasks.contracts.manifest import BatchRecord, ManifestFile
from tasks.contracts.spec import Table
from tasks.feed_files import survey_lines
from tasks.feed_lines import LineOrigin, bronze_line, folder_of
from tasks.json_records import JsonRecord

if TYPE_CHECKING:
    from tasks.run_context import RunContext

LOG = "open.jsonl"
_SEALED = "appended_"
_BLOCK = 1 << 16


def append_records(
    store: Store,
    prefix: str,
    table: Table,
    records: Sequence[JsonRecord],
    origin: LineOrigin,
    *,
    moment: str,
) -> int:
    """Add `records` to bronze of `table` below `prefix`; return how many lines were added.

    Records of one folder become visible together. `moment` is when that was, as manifests have it.
    Raises OSError when the disk is full; nothing of the folder that it stopped at is added then.
    """
    lines: dict[str, list[str]] = {}
    for number, record in enumerate(records, start=1):
        line = bronze_line(record, number, origin)
        lines.setdefault(folder_of(record, origin), []).append(line)
    table_prefix = f"{prefix}{table.bronze_name}/"
    for folder, added in lines.items():
        content = ("\n".join(added) + "\n").encode()
        log = store.local_path(f"{table_prefix}{folder}/{LOG}")
        if log is not None:
            _append(log, content)
        else:
            _put(store, table_prefix, folder, content, moment)
    return len(records)


def has_open_log(store: Store, prefix: str, table: Table) -> bool:
    """Tell whether records were appended that no run has seen yet."""
    names = (PurePosixPath(key).name for key in store.list(f"{prefix}{table.bronze_name}/"))
    return any(name == LOG for name in names)


def seal_logs(store: Store, prefix: str, table: Table, *, moment: str) -> int:
    """Make batches of what has been appended so far; return how many.

    What a run that died has sealed and not committed is committed now.
    """
    table_prefix = f"{prefix}{table.bronze_name}/"
    if store.local_path(table_prefix) is None:
        return 0
    sealed = 0
    for key in store.list(table_prefix):
        path = store.local_path(key)
        if path is None or not (path.name == LOG or _is_sealed(path)):
            continue
        if path.name == LOG:
            renamed = _sealed(path)
            if renamed is None:
                continue
            path = renamed
        folder = str(PurePosixPath(key).parent).removeprefix(table_prefix.rstrip("/") + "/")
        sealed += _commit(store, table_prefix, folder, path, moment)
    return sealed


def _is_sealed(path: Path) -> bool:
    return path.name.startswith(_SEALED) and path.suffix == ".jsonl"


def seal_for_run(run: RunContext, name: str) -> None:
    """Make batches of what was appended to a table, if it is one of JSON records, for `run`."""
    table = run.spec.table(name)
    if table.feed is not None and not run.lake.foreign_bronze:
        prefix = run.lake.bronze_prefix(run.pipeline)
        seal_logs(
            run.lake.bronze, prefix, table, moment=f"{run.started_at:%Y-%m-%dT%H:%M:%S}+00:00"
        )


def _append(log: Path, content: bytes) -> None:
    with _locked(log) as descriptor:
        begin = _whole_lines(descriptor)
        try:
            written = 0
            while written < len(content):
                written += os.write(descriptor, content[written:])
        except OSError:
            os.ftruncate(descriptor, begin)
            raise


@contextlib.contextmanager
def _locked(log: Path, *, create: bool = True) -> Iterator[int]:
    """Open a log and hold its lock; the file that is locked is the one that has the name."""
    while True:
        if create:
            log.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_APPEND | (os.O_CREAT if create else 0)
        descriptor = os.open(log, flags, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is_named(descriptor, log):
                yield descriptor
                return
        finally:
            os.close(descriptor)


def _is_named(descriptor: int, log: Path) -> bool:
    try:
        there = log.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(there, os.fstat(descriptor))


def _whole_lines(descriptor: int) -> int:
    """Cut off what is no whole line, and return the size then."""
    size = end = os.fstat(descriptor).st_size
    while end > 0:
        begin = max(0, end - _BLOCK)
        found = os.pread(descriptor, end - begin, begin).rfind(b"\n")
        if found >= 0:
            end = begin + found + 1
            break
        end = begin
    if end < size:
        os.ftruncate(descriptor, end)
    return end


def _sealed(log: Path) -> Path | None:
    """Give a log a name of its own, under which nothing is added; None if there is none."""
    try:
        with _locked(log, create=False) as descriptor:
            if not _whole_lines(descriptor):
                return None
            os.fsync(descriptor)
            target = log.with_name(f"{_SEALED}{secrets.token_hex(8)}-0.jsonl")
            log.rename(target)
            return target
    except FileNotFoundError:
        return None


def _commit(store: Store, table_prefix: str, folder: str, path: Path, moment: str) -> int:
    batch_id = path.name.rpartition("-")[0]
    if store.exists(record_key(table_prefix, batch_id)):
        return 0
    entry = manifest_entry(path, path.name, survey_lines(path).lines, batch_id)
    _list(store, table_prefix, folder, entry, moment)
    return 1


def _put(store: Store, table_prefix: str, folder: str, content: bytes, moment: str) -> None:
    """Write a batch of its own."""
    batch_id = f"{_SEALED}{secrets.token_hex(8)}"
    name = f"{batch_id}-0.jsonl"
    store.write(f"{table_prefix}{folder}/{name}", content)
    entry = ManifestFile(
        path=name,
        rows=content.count(b"\n"),
        sha256=hashlib.sha256(content).hexdigest(),
        bytes=len(content),
        batch_id=batch_id,
    )
    _list(store, table_prefix, folder, entry, moment)


def _list(store: Store, table_prefix: str, folder: str, entry: ManifestFile, moment: str) -> None:
    """Name a batch in its manifest, and commit it: readers see it from then on."""
    assert entry.batch_id is not None and entry.sha256 is not None
    add_to_manifest(store, table_prefix, folder, [entry], columns={}, created_at=moment)
    record = BatchRecord(
        table=table_prefix.rstrip("/").rpartition("/")[2],
        batch_id=entry.batch_id,
        source_file=entry.path,
        source_sha256=entry.sha256,
        source_bytes=entry.bytes or 0,
        rows=entry.rows,
        partitions=(folder,),
        columns={},
        landed_at=moment,
    )
    write_record(store, table_prefix, record)
