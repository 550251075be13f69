"""What of a lake may go, and why: releases past their time, and files that nobody can need again.

Belongs here: one pure decision, from what a lake holds and a moment. Does not belong here: listing
the lake or deleting anything (`maintenance.py`), or what such a list consists of (`holdings.py`).

What a retained release lists never goes. Whatever changed within the grace period stays too: it
may belong to a run that is under way, or to a reader that still reads the release before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta

from tasks.contracts.spec import Retention
from tasks.holdings import (
    Holdings,
    LandedBatch,
    OldVersion,
    Removal,
    RunFolder,
    StoredObject,
    Sweep,
)


def what_goes(
    holdings: Holdings, retention: Retention, *, now: datetime, grace: timedelta
) -> Sweep:
    """Decide what of `holdings` goes at `now`.

    Documents stand before the files that they list: what is still found is whole.
    """
    kept = retained_releases(holdings, retention, now=now, grace=grace)
    protected = frozenset(
        url
        for release, urls in zip(holdings.releases, holdings.listed, strict=True)
        if release.release in kept
        for url in urls
    )
    edge = now - grace
    snapshots, protected = _snapshots(holdings, retention, protected, now=now, edge=edge)
    return Sweep(
        (
            *_releases(holdings, kept),
            *_documents(holdings.documents, edge),
            *_results(holdings.results, edge),
            *snapshots,
            *_runs(holdings.runs, protected, edge),
            *_leftovers(holdings.leftovers, edge),
            *_bronze(holdings, kept, retention, now=now, grace=grace),
            *_batches(holdings.batches, protected, retention, now=now, grace=grace),
            *_versions(holdings.versions, retention, now=now, grace=grace),
        ),
        tuple(sorted(kept)),
    )


def retained_releases(
    holdings: Holdings, retention: Retention, *, now: datetime, grace: timedelta
) -> frozenset[int]:
    """Return the releases that stay.

    A release stays for as many days after its successor's coming as the layer that is kept longest;
    it spans silver and gold, and without one of them it is none. Without any such limit all stay.
    The current one always does, and with a rollback the one that it repeats and the ones that it
    withdrew: what they were made of must not be taken for news.
    """
    by_number = {release.release: release for release in holdings.releases}
    days = [d for d in (retention.silver_days, retention.gold_days) if d is not None]
    if not days:
        return frozenset(by_number)
    lifetime = max(timedelta(days=max(days)), grace)
    kept = set() if holdings.current is None else {holdings.current}
    for release, successor in zip(holdings.releases, holdings.releases[1:], strict=False):
        if successor.created_at + lifetime > now:
            kept.add(release.release)
    waiting = [by_number[number] for number in kept if number in by_number]
    while waiting:
        release = waiting.pop()
        needed = [release.repeats, release.previous] if release.kind == "rollback" else []
        for number in needed:
            if number in by_number and number not in kept:
                kept.add(number)
                waiting.append(by_number[number])
    return frozenset(kept)


def _bronze(
    holdings: Holdings,
    kept: frozenset[int],
    retention: Retention,
    *,
    now: datetime,
    grace: timedelta,
) -> list[Removal]:
    """Return the landed files that are past their days and that no run needs to read again.

    Every release that stays has seen them: a run on top of whichever of them knows what they held.
    """
    retained = [release for release in holdings.releases if release.release in kept]
    if retention.bronze_days is None or holdings.current is None or not retained:
        return []
    edge = now - max(timedelta(days=retention.bronze_days), grace)
    reason = f"landed more than {retention.bronze_days} days ago, and every release has seen it"
    return [
        Removal("bronze", file.stored.key, reason, (file.stored,))
        for file in holdings.bronze
        if file.is_cleared
        or (
            file.stored.modified_at < edge
            and all(file.identity in release.bronze.get(file.table, ()) for release in retained)
        )
    ]


def _batches(
    batches: Iterable[LandedBatch],
    protected: frozenset[str],
    retention: Retention,
    *,
    now: datetime,
    grace: timedelta,
) -> list[Removal]:
    """Return the batches that expire, and the files of expired ones that no release lists.

    What is delivered again and again stays. Files go after the grace period: a run that has seen
    them may be under way.
    """
    if retention.bronze_days is None:
        return []
    days = retention.bronze_days
    edge = now - max(timedelta(days=days), grace)
    removals = []
    for batch in batches:
        if batch.delivered_at is not None and (batch.is_expired or batch.delivered_at < edge):
            reason = f"{batch.rows} rows came more than {days} days ago; runs leave them out"
            removals.append(Removal("expiry", batch.name, reason, ()))
        elif batch.is_expired and batch.listed_at < now - grace:
            reason = "its batch has expired, and no retained release lists it"
            removals += [
                Removal("bronze", file.key, reason, (file,))
                for file in batch.files
                if file.url not in protected
            ]
    return removals


def _versions(
    versions: Iterable[OldVersion], retention: Retention, *, now: datetime, grace: timedelta
) -> list[Removal]:
    if retention.bronze_version_days is None:
        return []
    days = retention.bronze_version_days
    edge = now - max(timedelta(days=days), grace)
    reason = f"another version took its place more than {days} days ago"
    return [
        Removal("version", item.stored.key, reason, (item.stored,), version=item.version)
        for item in versions
        if item.replaced_at < edge
    ]


def _releases(holdings: Holdings, kept: frozenset[int]) -> list[Removal]:
    found = zip(
        holdings.releases, holdings.releases[1:], holdings.release_objects[:-1], strict=False
    )
    return [
        Removal(
            "release",
            str(release.release),
            f"release {successor.release} followed on {successor.created_at:%Y-%m-%d}",
            (stored,),
        )
        for release, successor, stored in found
        if release.release not in kept
    ]


def _documents(documents: Iterable[StoredObject], edge: datetime) -> list[Removal]:
    reason = "a publisher that did not come to its end left it"
    return [
        Removal("document", item.key.rpartition("/")[2], reason, (item,))
        for item in documents
        if item.modified_at < edge
    ]


def _results(results: Iterable[StoredObject], edge: datetime) -> list[Removal]:
    """A result goes with the folder of the run that wrote it: both are renewed by who uses it."""
    going = tuple(item for item in results if item.modified_at < edge)
    reason = "no run that was tried again has needed them"
    return [Removal("result", f"{len(going)} of computed tables", reason, going)] if going else []


def _snapshots(
    holdings: Holdings,
    retention: Retention,
    protected: frozenset[str],
    *,
    now: datetime,
    edge: datetime,
) -> tuple[list[Removal], frozenset[str]]:
    """Return the snapshots that go, and all files that stay: those of the others too.

    Of each dimension the current and the latest stay, and those that a retained release shows.
    """
    latest: dict[str, date] = {}
    for snapshot in holdings.snapshots:
        day = latest.get(snapshot.dimension, snapshot.day)
        latest[snapshot.dimension] = max(day, snapshot.day)
    if retention.silver_days is not None:
        edge = min(edge, now - timedelta(days=retention.silver_days))
    going = [
        snapshot
        for snapshot in holdings.snapshots
        if snapshot.manifest.modified_at < edge
        and (snapshot.dimension, snapshot.day) not in holdings.pointed
        and snapshot.day != latest[snapshot.dimension]
        and not snapshot.files & protected
    ]
    staying = protected.union(*(s.files for s in holdings.snapshots if s not in going))
    manifests = [
        Removal(
            "snapshot",
            f"{snapshot.dimension} {snapshot.day}",
            "no retained release shows it, and there is a later one",
            (
                snapshot.manifest,
                *(f for f in holdings.snapshot_files if f.url in snapshot.files - staying),
            ),
        )
        for snapshot in going
    ]
    told = frozenset[str]().union(*(snapshot.files for snapshot in going))
    orphans = [
        Removal("snapshot", item.key, "no snapshot and no retained release lists it", (item,))
        for item in holdings.snapshot_files
        if item.url not in staying and item.url not in told and item.modified_at < edge
    ]
    return manifests + orphans, staying


def _runs(runs: Sequence[RunFolder], protected: frozenset[str], edge: datetime) -> list[Removal]:
    removals = []
    for run in runs:
        going = tuple(item for item in run.objects if item.url not in protected)
        whole = len(going) == len(run.objects)
        if run.touched_at >= edge or not (going or whole):
            continue
        reason = "no retained release lists any of it"
        if not whole:
            reason = f"no retained release lists these; {len(run.objects) - len(going)} files stay"
        removals.append(Removal("run", run.run_id, reason, going, whole))
    return removals


def _leftovers(
    leftovers: Iterable[tuple[str, tuple[StoredObject, ...]]], edge: datetime
) -> list[Removal]:
    return [
        Removal("leftover", name, "its writer did not come to its end", objects, whole=True)
        for name, objects in leftovers
        if all(item.modified_at < edge for item in objects)
    ]
