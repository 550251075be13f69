"""What of a lake may go: never what a retained release lists, whatever has happened before.

Belongs here: the decision, over histories of runs, failures, rollbacks and clearings up. Does not
belong here: listing and deleting (`integration/test_maintenance.py`).
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.contracts.release import PublishedFile, PublishedTable, Release, rolled_back
from tasks.contracts.spec import Retention
from tasks.holdings import BronzeFile, Holdings, RunFolder, Snapshot, StoredObject, Sweep
from tasks.retention import what_goes

BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
WEEK = Retention(gold_days=7)


class History:
    """A lake as a list of what lies in it, and what happens to it."""

    def __init__(self) -> None:
        self.now = BEGIN
        self.releases: dict[int, Release] = {}
        self.current: Release | None = None
        self.files: dict[str, datetime] = {}
        self.runs = 0
        self.repeated: int | None = None

    def publish(self, carried: list[bool], new: int) -> None:
        before = [f for t in self.current.tables.values() for f in t.files] if self.current else []
        kept = [file for file, keep in zip(before, carried, strict=False) if keep]
        files = [*kept, *(self._write(n) for n in range(new))]
        table = PublishedTable(rows=0, bytes=0, columns={}, files=tuple(files))
        number = (self.current.release if self.current else 0) + 1
        self._show(
            Release(
                pipeline="p",
                release=number,
                previous=number - 1 or None,
                run_id=f"r{self.runs}",
                run_date=date(2024, 1, 1),
                created_at=self.now,
                spec_fingerprint="s",
                tables={"silver.t": table},
            )
        )
        self.runs += 1

    def fail(self, new: int) -> None:
        for number in range(new):
            self._write(number)
        self.runs += 1

    def roll_back(self, choice: int) -> None:
        older = [n for n in self.releases if self.current and n != self.current.release]
        if older and self.current is not None:
            chosen = self.releases[sorted(older)[choice % len(older)]]
            self._show(rolled_back(chosen, self.current, created_at=self.now))

    def holdings(self) -> Holdings:
        releases = [self.releases[n] for n in sorted(self.releases)]
        runs: dict[str, list[StoredObject]] = {}
        for path, moment in self.files.items():
            runs.setdefault(path.split("/")[0], []).append(stored(path, moment))
        return Holdings(
            current=self.current.release if self.current else None,
            releases=tuple(releases),
            release_objects=tuple(stored(f"{r.release}.json", r.created_at) for r in releases),
            listed=tuple(frozenset(paths(r)) for r in releases),
            runs=tuple(
                RunFolder(name, max(item.modified_at for item in items), tuple(items))
                for name, items in runs.items()
            ),
        )

    def clear_up(self, retention: Retention, grace: timedelta) -> Sweep:
        sweep = what_goes(self.holdings(), retention, now=self.now, grace=grace)
        for removal in sweep.removals:
            for item in removal.objects:
                if removal.kind == "release":
                    del self.releases[int(removal.name)]
                else:
                    del self.files[item.key]
        return sweep

    def _write(self, number: int) -> PublishedFile:
        path = f"r{self.runs}/{number}"
        self.files[path] = self.now
        digest = hashlib.sha256(path.encode()).hexdigest()
        return PublishedFile(root="silver", path=path, rows=0, bytes=1, sha256=digest)

    def _show(self, release: Release) -> None:
        self.releases[release.release] = self.current = release


def stored(key: str, moment: datetime) -> StoredObject:
    return StoredObject("silver", key, key, 1, moment)


def paths(release: Release) -> set[str]:
    return {file.path for table in release.tables.values() for file in table.files}


STEPS: st.SearchStrategy[tuple[str, list[bool], int]] = st.one_of(
    st.tuples(st.just("publish"), st.lists(st.booleans(), max_size=9), st.integers(0, 3)),
    st.tuples(st.just("fail"), st.just([]), st.integers(1, 3)),
    st.tuples(st.just("roll back"), st.just([]), st.integers(0, 9)),
    st.tuples(st.just("wait"), st.just([]), st.integers(1, 240)),
    st.tuples(st.just("clear up"), st.just([]), st.integers(0, 48)),
)
RETENTIONS = st.builds(
    Retention, silver_days=st.none() | st.integers(0, 9), gold_days=st.none() | st.integers(0, 9)
)


@settings(max_examples=300, deadline=None)
@given(steps=st.lists(STEPS, max_size=30), retention=RETENTIONS, last_grace=st.integers(0, 48))
def test_no_retained_release_ever_loses_a_file(
    steps: list[tuple[str, list[bool], int]], retention: Retention, last_grace: int
) -> None:
    lake = History()
    for what, carried, number in [*steps, ("clear up", [], last_grace)]:
        if what == "publish":
            lake.publish(carried, number)
        elif what == "fail":
            lake.fail(number)
        elif what == "roll back":
            lake.roll_back(number)
        elif what == "wait":
            lake.now += number * HOUR
        else:
            before = dict(lake.files)
            sweep = lake.clear_up(retention, number * HOUR)
            assert sweep.retained == tuple(sorted(lake.releases))
            young = {path for path, moment in before.items() if moment >= lake.now - number * HOUR}
            assert young <= set(lake.files)
        for release in lake.releases.values():
            assert paths(release) <= set(lake.files)
        if lake.current is not None:
            assert lake.current.release in lake.releases
            assert lake.current.repeats is None or lake.current.repeats in lake.releases


@given(steps=st.lists(STEPS, max_size=20))
def test_what_a_clearing_up_leaves_is_needed_or_young(
    steps: list[tuple[str, list[bool], int]],
) -> None:
    lake = History()
    for what, carried, number in steps:
        if what == "publish":
            lake.publish(carried, number)
        elif what == "fail":
            lake.fail(number)
        elif what == "wait":
            lake.now += number * HOUR
    lake.now += timedelta(days=60)
    lake.clear_up(WEEK, HOUR)
    assert set(lake.files) == (paths(lake.current) if lake.current else set())
    assert lake.clear_up(WEEK, HOUR).removals == ()


def test_a_release_stays_for_its_days_after_the_next_one() -> None:
    lake = History()
    lake.publish([], 1)
    lake.now += timedelta(days=100)
    lake.publish([], 1)
    lake.now += timedelta(days=6)
    assert lake.clear_up(WEEK, HOUR).removals == ()
    lake.now += timedelta(days=2)
    first, files = lake.clear_up(WEEK, HOUR).removals
    assert (first.kind, first.name, first.reason) == (
        "release",
        "1",
        "release 2 followed on 2024-04-10",
    )
    assert (files.kind, files.name, files.whole) == ("run", "r0", True)


def test_without_a_limit_every_release_stays() -> None:
    lake = History()
    for _ in range(3):
        lake.publish([], 1)
        lake.now += timedelta(days=400)
    assert lake.clear_up(Retention(bronze_days=90), HOUR).retained == (1, 2, 3)


def test_what_a_rollback_withdrew_stays_so_that_it_is_no_news() -> None:
    lake = History()
    for _ in range(3):
        lake.publish([], 1)
    lake.roll_back(0)
    lake.now += timedelta(days=400)
    assert lake.clear_up(WEEK, HOUR).retained == (1, 3, 4)


def test_documents_and_leftovers_go_after_the_grace_period() -> None:
    young, old = stored("8.json", BEGIN), stored("7.json", BEGIN - 2 * HOUR)
    found = Holdings(None, documents=(young, old), leftovers=(("a", (old,)), ("b", (young,))))
    sweep = what_goes(found, WEEK, now=BEGIN, grace=HOUR)
    assert [(r.kind, r.name) for r in sweep.removals] == [("document", "7.json"), ("leftover", "a")]


def test_current_latest_and_shown_snapshots_stay() -> None:
    days = [date(2024, 1, day) for day in range(1, 6)]
    manifests = [stored(f"dims/c/{day}/_MANIFEST.json", BEGIN) for day in days]
    files = [stored(f"dims/c/{day}/r.parquet", BEGIN) for day in days]
    replaced = stored(f"dims/c/{days[0]}/earlier.parquet", BEGIN)
    lake = History()
    lake.publish([], 0)
    found = replace(
        lake.holdings(),
        listed=(frozenset({files[1].url}),),
        snapshots=tuple(
            Snapshot("c", day, manifest, frozenset({file.url}))
            for day, manifest, file in zip(days, manifests, files, strict=True)
        ),
        snapshot_files=(*files, replaced),
        pointed=frozenset({("c", days[2])}),
    )
    later = BEGIN + 2 * HOUR
    assert what_goes(found, WEEK, now=later, grace=3 * HOUR).removals == ()
    gone = what_goes(found, WEEK, now=later, grace=HOUR).removals
    assert [removal.name for removal in gone] == [f"c {days[0]}", f"c {days[3]}", replaced.key]
    assert gone[0].objects == (manifests[0], files[0])
    kept = what_goes(found, Retention(silver_days=30), now=later, grace=HOUR)
    assert kept.removals == ()


def _landed(name: str, days_ago: int, now: datetime) -> BronzeFile:
    key = f"bronze/{name}"
    stored = StoredObject("bronze", key, f"/{key}", 1, now - timedelta(days=days_ago))
    return BronzeFile("t", f"{key}|1|1|x", "bronze/_MANIFEST.json", name, stored)


def _seeing(number: int, *files: BronzeFile) -> Release:
    return Release(
        pipeline="p",
        release=number,
        previous=number - 1 or None,
        run_id=f"r{number}",
        run_date=date(2024, 1, 1),
        created_at=BEGIN,
        spec_fingerprint="s",
        bronze={"t": tuple(file.identity for file in files)},
        tables={},
    )


def _cleared(
    releases: list[Release], files: list[BronzeFile], bronze_days: int | None = 90
) -> list[str]:
    holdings = Holdings(
        current=releases[-1].release if releases else None,
        releases=tuple(releases),
        listed=tuple(frozenset[str]() for _ in releases),
        release_objects=tuple(
            StoredObject("control", str(r.release), f"/{r.release}", 1, BEGIN) for r in releases
        ),
        bronze=tuple(files),
    )
    retention = Retention(bronze_days=bronze_days)
    sweep = what_goes(holdings, retention, now=BEGIN, grace=HOUR)
    return [removal.name for removal in sweep.removals if removal.kind == "bronze"]


def test_bronze_goes_after_its_days_if_every_retained_release_has_seen_it() -> None:
    old, older, young = (_landed(n, d, BEGIN) for n, d in (("a", 91), ("b", 400), ("c", 89)))
    seen_by_all = [_seeing(1, old), _seeing(2, old, older, young)]
    assert _cleared(seen_by_all, [old, older, young]) == ["bronze/a"]
    assert _cleared(seen_by_all, [old, older, young], bronze_days=None) == []
    assert _cleared([], [old]) == []
    assert _cleared([_seeing(1, young)], [old, young]) == []


def test_what_a_manifest_says_is_cleared_is_deleted_at_last() -> None:
    begun = replace(_landed("a", 1, BEGIN), is_cleared=True)
    assert _cleared([_seeing(1, begun)], [begun]) == ["bronze/a"]
