"""Erasing a person from a lake: files without them, then who lists these, then the old files' end.

Belongs here: the order of the steps, which makes an erasure safe to kill and to call again. Does
not belong here: the person's rows (`subject_rows.py`), and new files (`erased_files.py`).

Nothing that exists is changed before every new file is there; nothing is deleted before everybody
lists the new ones. Bronze goes first: a run that comes in between must not find the person there.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from blocks.lake import Lake
from blocks.settings import Settings
from tasks.bronze_manifests import replace_in_manifest
from tasks.contracts.erasure import Erasure, MovedFile, Place, amended, with_moved
from tasks.contracts.errors import ConfigurationError, ErasureConflictError, ReleaseError
from tasks.contracts.manifest import ManifestFile
from tasks.contracts.release import Release
from tasks.contracts.spec import Spec
from tasks.erased_files import Prepared, prepare
from tasks.iceberg_expiry import begin_anew
from tasks.mirror import passing_mirror
from tasks.releases import Current, list_releases, next_number, publish, read_current
from tasks.subject_search import Found, LakeFiles, find_rows, know_person, list_files
from tasks.subjects import Subject, erasure_id

log = logging.getLogger("medallion")
_LAYERS = ("silver", "gold")


@dataclass(frozen=True)
class Request:
    """Who is to be erased, and from what; `now` is UTC. `progress` is told of each step."""

    lake: Lake
    spec: Spec
    settings: Settings
    column: str
    subject: Subject
    requested_by: str
    now: datetime
    progress: Callable[[str], object] = log.info

    @property
    def pipeline(self) -> str:
        return self.spec.pipeline

    @property
    def name(self) -> str:
        """What all erasures of this person are known by."""
        subject = self.subject
        return erasure_id(self.pipeline, self.column, subject.value, subject.mask_key)


def find(lake: Lake, spec: Spec, subject: Subject) -> tuple[LakeFiles, Subject, list[Found]]:
    """Return the lake's files, the person with what they are known by, and where they stand."""
    listed = list_files(lake, spec)
    with passing_mirror(lake) as mirror:
        knowing = know_person(mirror, listed, subject)
        return listed, knowing, find_rows(mirror, listed, knowing)


def erase(request: Request) -> Erasure | None:
    """Erase the person, or go on where a call before died; None if the lake holds nothing of them.

    Raises ErasureConflictError if something is published meanwhile (call again), ConfigurationError
    where bronze is not the lake's own, CatalogError if the catalog cannot forget: no old file is
    deleted then, and the next call goes on.
    """
    record = last_erasure(request.lake, request.pipeline, request.name)
    if record is None or record.status == "done":
        record = _begin(request, record)
    if record.status == "prepared" and not _still_fits(request, record):
        record = record.model_copy(update={"status": "begun"})
    if record.status == "begun":
        found = _prepared(request, record)
        if found is None:
            return None
        record = found
    if record.status == "prepared":
        record = _switch(request, record)
    return _finish(request, record)


def last_erasure(lake: Lake, pipeline: str, name: str) -> Erasure | None:
    """Return the latest record of the erasures known by `name`; raises ReleaseError."""
    found = None
    for number in itertools.count(1):
        key = lake.erasure_key(pipeline, f"{name}-{number}")
        try:
            found = Erasure.model_validate_json(lake.control.read(key))
        except FileNotFoundError:
            return found
        except ValidationError as error:
            raise ReleaseError(f"{lake.control.url(key)}: is no record of an erasure") from error
    return found


def _begin(request: Request, before: Erasure | None) -> Erasure:
    number = 1 if before is None else int(before.erasure.rpartition("-")[2]) + 1
    return Erasure(
        erasure=f"{request.name}-{number}",
        pipeline=request.pipeline,
        column=request.column,
        # The same as before: what comes late of a person joins what is there of them.
        stand_in=request.subject.stand_in if before is None else before.stand_in,
        requested_by=request.requested_by,
        requested_at=request.now,
    )


def _still_fits(request: Request, record: Erasure) -> bool:
    """Tell whether the pointer is the one that was prepared for, or the one that came of it."""
    if read_current(request.lake, request.pipeline).version == record.pointer_version:
        return True
    releases = list_releases(request.lake, request.pipeline)
    return bool(releases) and record.erasure in releases[-1].erasures


def _prepared(request: Request, record: Erasure) -> Erasure | None:
    """Write all new files, and the journal that names them; None if there is nothing to erase."""
    lake, spec = request.lake, request.spec
    seen = read_current(lake, spec.pipeline)
    subject = Subject(
        request.subject.columns,
        request.subject.value,
        record.stand_in,
        request.subject.mask_key,
    )
    listed, knowing, found = find(lake, spec, subject)
    if not found and not record.moved:
        return None
    foreign = [release.bronze_root for release in listed.releases if release.bronze_root]
    if foreign:
        raise ConfigurationError(
            f"bronze of {spec.pipeline} is another team's ({foreign[-1]}): who writes it has to "
            "erase the person there, or the next run would bring them back; land the files instead"
        )
    request.progress(f"writing {len(found)} files anew")
    _save(lake, record)  # the stand-in is decided before anything has it
    with passing_mirror(lake) as mirror:
        made: Prepared = prepare(mirror, spec, listed, knowing, found, record.erasure)
    known = {(file.layer, file.path): file for file in (*record.moved, *made.moved)}
    prepared = record.model_copy(
        update={
            "status": "prepared",
            "pointer_version": seen.version,
            "moved": tuple(known.values()),
            "doomed": tuple(sorted({*record.doomed, *made.doomed} - known.keys())),
            "rows": _rows(record, found),
        }
    )
    _save(lake, prepared)
    return prepared


def _rows(record: Erasure, found: Iterable[Found]) -> dict[str, int]:
    """Rows by table, of what is current; of a person who is only in older releases, of those."""
    rows = dict(record.rows)
    counted = [item for item in found if item.is_current] or list(found)
    for table in sorted({item.table for item in counted if item.table is not None}):
        rows[table] = sum(item.rows for item in counted if item.table == table)
    return rows


def _switch(request: Request, record: Erasure) -> Erasure:
    """Let bronze, snapshots and releases list the new files. Whoever published meanwhile wins."""
    lake, pipeline = request.lake, request.pipeline
    with lake.control.exclusive(lake.pointer_key(pipeline)):
        current = read_current(lake, pipeline)
        listed = list_files(lake, request.spec)
        is_published = bool(listed.releases) and record.erasure in listed.releases[-1].erasures
        if not is_published:
            if current.version != record.pointer_version:
                raise ErasureConflictError(_conflict(pipeline))
            _switch_bronze(lake, listed, record.moved)
            _switch_snapshots(lake, listed, record.moved)
            if listed.releases:
                release = _publish(request, listed.releases[-1], record, current)
                record = record.model_copy(update={"release": release.release})
        elif record.release is None:
            record = record.model_copy(update={"release": listed.releases[-1].release})
        numbers = _amend(lake, listed.releases, record)
        record = record.model_copy(
            update={"status": "published", "amended": tuple(sorted({*record.amended, *numbers}))}
        )
        _save(lake, record)
    return record


def _switch_bronze(lake: Lake, listed: LakeFiles, moved: Iterable[MovedFile]) -> None:
    by_manifest: dict[str, dict[str, ManifestFile]] = {}
    for file in moved:
        held = listed.bronze.get(file.path) if file.layer == "bronze" else None
        if held is None:  # another layer's, or switched by the call before
            continue
        folder, slash, _ = held.entry.path.rpartition("/")
        update = {
            "path": f"{folder}{slash}{file.to.rpartition('/')[2]}",
            "bytes": file.bytes,
            "sha256": file.sha256,
            "checksum": None,
        }
        entry = held.entry.model_copy(update=update)
        by_manifest.setdefault(held.key, {})[held.entry.path] = entry
    for key, entries in by_manifest.items():
        replace_in_manifest(lake.bronze, key, entries)


def _switch_snapshots(lake: Lake, listed: LakeFiles, moved: Iterable[MovedFile]) -> None:
    by_place: dict[Place, MovedFile] = {(file.layer, file.path): file for file in moved}
    for key, snapshot in listed.snapshots.items():
        table = with_moved(snapshot.table, by_place)
        if table != snapshot.table:
            changed = snapshot.model_copy(update={"table": table})
            lake.silver.write(key, changed.model_dump_json(indent=1).encode())


def _publish(request: Request, before: Release, record: Erasure, current: Current) -> Release:
    """Publish what readers see already, but for the person: the pointer moves, and runs that have
    begun before cannot publish."""
    release = amended(before, record.moved, record.erasure).model_copy(
        update={
            "release": next_number(current),
            "previous": before.release,
            "created_at": request.now,
        }
    )
    request.progress(f"publishing release {release.release}")
    return publish(request.lake, release, current)


def _amend(lake: Lake, releases: Iterable[Release], record: Erasure) -> list[int]:
    """Let older releases list the new files; return their numbers."""
    numbers = []
    for release in releases:
        if record.erasure in release.erasures:
            continue
        changed = amended(release, record.moved, record.erasure)
        key = lake.release_key(release.pipeline, release.release)
        lake.control.write(key, changed.model_dump_json(indent=1).encode())
        numbers.append(release.release)
    return numbers


def _finish(request: Request, record: Erasure) -> Erasure:
    """Delete the old files, when nobody lists them any more, and close the record."""
    lake, pipeline = request.lake, request.pipeline
    listed = list_files(lake, request.spec)
    old: set[Place] = {(file.layer, file.path) for file in record.moved}
    held = sorted(place for place in old & set(listed.tables))
    if held:  # where nobody could be held off, a rollback came in between
        _save(lake, record.model_copy(update={"status": "begun"}))
        raise ErasureConflictError(_conflict(pipeline))
    if request.settings.catalog_of(lake) is not None and listed.releases:
        request.progress("making the Iceberg tables anew")
        begin_anew(lake, request.settings, pipeline, _affected(listed, record))
    going = sorted(old | (set(record.doomed) - set(listed.tables)))
    request.progress(f"deleting {len(going)} files")
    results = lake.result_key(pipeline, "").rpartition("/")[0] + "/"
    for layer in ("bronze", *_LAYERS):
        lake.store_of(layer).delete([key for each, key in going if each == layer])
    for layer in _LAYERS:  # they tell runs that are tried again of files that are gone
        store = lake.store_of(layer)
        store.delete(store.list(results))
    done = record.model_copy(
        update={
            "status": "done",
            "completed_at": request.now,
            "files_rewritten": len(record.moved),
            "files_deleted": len(going),
            "moved": (),
            "doomed": (),
        }
    )
    _save(lake, done)
    return done


def _affected(listed: LakeFiles, record: Erasure) -> set[str]:
    new = {(file.layer, file.to) for file in record.moved}
    return {table for place, table in listed.tables.items() if place in new}


def _save(lake: Lake, record: Erasure) -> None:
    key = lake.erasure_key(record.pipeline, record.erasure)
    lake.control.write(key, record.model_dump_json(indent=1).encode())


def _conflict(pipeline: str) -> str:
    return (
        f"{pipeline}: something was published while the person's rows were looked for; nothing "
        "was deleted, call again"
    )
